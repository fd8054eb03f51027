import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Button } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import type { CaseReport, RunDetail, StepResult } from "~/api/types";
import { type Json, prettyJson } from "~/lib/json";
import { Diff } from "~/ui/Code";
import { Mono, Value } from "~/ui/Mono";
import { Loaded } from "~/ui/Page";
import { When } from "~/ui/When";

interface Change {
  path: string;
  kind?: string;
  change?: string;
  before?: Json;
  after?: Json;
}

interface StepDiff {
  path: string;
  baseline: { run_id: string; revision: number; finished_at: string } | null;
  reason?: string | null;
  status?: { before: number; after: number } | null;
  headers?: Change[];
  body?: Change[];
  changes?: Change[];
}

/** A failing step against the last time it passed: changed paths first, the texts on demand. */
export function DiffView({ run, report, step }: { run: RunDetail; report: CaseReport; step: StepResult }) {
  const { t } = useTranslation();
  const diff = useQuery({
    queryKey: ["diff", run.run_id, report.case_id, report.row],
    queryFn: () =>
      call<{ steps?: StepDiff[]; data?: StepDiff[] }>("GET", `/runs/${run.run_id}/cases/${report.case_id}/diff`, {
        query: { row: report.row },
      }),
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
  });
  return (
    <Loaded query={diff}>
      {(found) => {
        const mine = (found.steps ?? found.data ?? []).find((one) => one.path === step.path);
        if (!mine?.baseline) return <p className="faint">{t("diff.none", { reason: mine?.reason ?? "" })}</p>;
        const changes = [...(mine.changes ?? []), ...(mine.body ?? []), ...(mine.headers ?? [])].slice(0, 200);
        return (
          <>
            <p>
              <Link to={`/runs/${mine.baseline.run_id}` as "/"}>
                {t("diff.against", { number: mine.baseline.revision })}
              </Link>{" "}
              <When at={mine.baseline.finished_at} /> · {t("diff.count", { count: changes.length })}
              {mine.baseline.revision !== report.revision &&
                ` · ${t("diff.caseChanged", { from: mine.baseline.revision, to: report.revision })}`}
            </p>
            {mine.status && mine.status.before !== mine.status.after && (
              <p>
                {t("runs.status")}: <Value value={mine.status.before} /> → <Value value={mine.status.after} />
              </p>
            )}
            <table className="grid">
              <tbody>
                {changes.map((one) => (
                  <tr key={`${one.path} ${one.kind ?? one.change}`}>
                    <td>
                      <Mono text={one.path} />
                    </td>
                    <td>{"before" in one && one.before !== undefined && <Value value={one.before} />}</td>
                    <td>→</td>
                    <td>{"after" in one && one.after !== undefined && <Value value={one.after} />}</td>
                  </tr>
                ))}
              </tbody>
            </table>
            <TextDiff baseline={mine.baseline.run_id} report={report} step={step} />
          </>
        );
      }}
    </Loaded>
  );
}

function TextDiff({ baseline, report, step }: { baseline: string; report: CaseReport; step: StepResult }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const before = useQuery({
    queryKey: ["case-run-flat", baseline, report.case_id, report.row],
    queryFn: () =>
      call<CaseReport>("GET", `/runs/${baseline}/cases/${report.case_id}`, { query: { row: report.row, limit: 200 } }),
    enabled: open,
  });
  if (!open) return <Button onClick={() => setOpen(true)}>{t("diff.asText")}</Button>;
  return (
    <Loaded query={before}>
      {(found) => (
        <Diff
          label={t("report.compared")}
          before={prettyJson(found.steps.find((one) => one.path === step.path)?.response?.body ?? "")}
          after={prettyJson(step.response?.body ?? "")}
        />
      )}
    </Loaded>
  );
}
