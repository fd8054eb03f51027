import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Button, Checkbox } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import type { CaseReport, RunDetail, StepDiff, StepResult } from "~/api/types";
import { visible } from "~/lib/bidi";
import { prettyJson } from "~/lib/json";
import { Diff } from "~/ui/Code";
import { Mono, Value } from "~/ui/Mono";
import { Loaded } from "~/ui/Page";
import { When } from "~/ui/When";
import { useWord } from "~/ui/words";
import { differsAlways, ignoredOf, keepIgnored } from "./volatile";

/** A failing step against the last time it passed: changed paths first, the texts on demand. */
export function DiffView({ run, report, step }: { run: RunDetail; report: CaseReport; step: StepResult }) {
  const { t } = useTranslation();
  const word = useWord();
  const [ignored, setIgnored] = useState(() => ignoredOf(report.case_id));
  const [calm, setCalm] = useState(true);
  const ignore = (names: string[]) => {
    keepIgnored(report.case_id, names);
    setIgnored(names);
  };
  const diff = useQuery({
    queryKey: ["diff", run.run_id, report.case_id, report.row, ignored],
    queryFn: () =>
      call<{ steps: StepDiff[] }>("GET", `/runs/${run.run_id}/cases/${report.case_id}/diff`, {
        query: { row: report.row, volatile: ignored },
      }),
    placeholderData: keepPreviousData,
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
  });
  return (
    <Loaded query={diff}>
      {(found) => {
        const mine = found.steps.find((one) => one.path === step.path);
        if (!mine?.baseline) return <p className="faint">{word("diff", mine?.reason ?? "never_passed")}</p>;
        const all = [
          ...(mine.http_status ? [{ path: t("runs.status"), ...mine.http_status }] : []),
          ...mine.json_paths,
          ...mine.headers.map(({ name, ...values }) => ({ path: name, ...values })),
        ];
        const moving = all.filter((one) => differsAlways(one.before, one.now));
        const absent = <span className="faint">{t("diff.absent")}</span>;
        const rows = calm ? all.filter((one) => !moving.includes(one)) : all;
        return (
          <div className="stack" style={{ gap: 8 }}>
            <p className="facts">
              <span>
                <Link to={`/runs/${mine.baseline.run_id}` as "/"}>
                  {t("diff.against", { number: mine.baseline.revision })}
                </Link>{" "}
                <When at={mine.baseline.finished_at} />
              </span>
              <span className="nowrap">{t("diff.count", { count: rows.length })}</span>
              {mine.baseline.revision !== report.revision && (
                <span>{t("diff.caseChanged", { from: mine.baseline.revision, to: report.revision })}</span>
              )}
            </p>
            <div className="actions small">
              <Checkbox checked={calm} onChange={(event) => setCalm(event.target.checked)}>
                {t("diff.ignoreMoving")}
              </Checkbox>
              {calm && moving.length > 0 && <span className="faint">{t("diff.hidden", { count: moving.length })}</span>}
              {ignored.length > 0 && <span className="faint">{t("diff.ignored")}</span>}
              {ignored.map((name) => (
                <span key={name} className="chip mono">
                  {visible(name)}
                  <button
                    type="button"
                    aria-label={t("action.remove", { what: name })}
                    onClick={() => ignore(ignored.filter((one) => one !== name))}
                  >
                    ✕
                  </button>
                </span>
              ))}
            </div>
            <table className="grid">
              <thead>
                <tr>
                  <th>{t("diff.path")}</th>
                  <th>{t("diff.before")}</th>
                  <th>{t("diff.now")}</th>
                  <th>
                    <span className="sr-only">{t("common.actions")}</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {rows.map((one) => (
                  <tr key={one.path}>
                    <td>
                      <Mono text={one.path} />
                    </td>
                    <td>{"change" in one && one.change === "added" ? absent : <Value value={one.before} />}</td>
                    <td>{"change" in one && one.change === "removed" ? absent : <Value value={one.now} />}</td>
                    <td className="nowrap" style={{ textAlign: "end" }}>
                      {one.path !== t("runs.status") && (
                        <button
                          type="button"
                          className="link small"
                          aria-label={`${t("diff.ignore")} ${one.path}`}
                          onClick={() => ignore([...ignored, one.path.replace(/\[\d+\]/g, "[*]")])}
                        >
                          {t("diff.ignore")}
                        </button>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
            <TextDiff baseline={mine.baseline.run_id} report={report} step={step} />
          </div>
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
  return (
    <>
      <Button aria-expanded={open} style={{ alignSelf: "start" }} onClick={() => setOpen(!open)}>
        {t("diff.asText")} <span aria-hidden="true">{open ? "▴" : "▾"}</span>
      </Button>
      {open && (
        <Loaded query={before}>
          {(found) => (
            <Diff
              label={t("report.compared")}
              before={prettyJson(found.steps.find((one) => one.path === step.path)?.response?.body ?? "")}
              after={prettyJson(step.response?.body ?? "")}
            />
          )}
        </Loaded>
      )}
    </>
  );
}
