import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Alert, Button } from "antd";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import type { CaseReport, CaseRun, RunDetail, StepResult } from "~/api/types";
import { visible } from "~/lib/bidi";
import { duration } from "~/lib/time";
import { Loaded } from "~/ui/Page";
import { Status } from "~/ui/Status";
import { useWord } from "~/ui/words";
import { History } from "./History";
import { StepPanel } from "./StepPanel";
import { isOpen } from "./useRun";
import { VariableTable } from "./VariableTable";

const BAD = new Set(["failed", "error"]);

/** One case of a run: its steps as chips, the first failed one open with its answer in view. */
export function CasePanel({ run, summary }: { run: RunDetail; summary: CaseRun }) {
  const { t } = useTranslation();
  const word = useWord();
  const navigate = useNavigate();
  const search = useSearch({ strict: false }) as { step?: string; row?: string };
  const report = useInfiniteQuery({
    queryKey: ["case-run", run.run_id, summary.case_id, summary.row],
    queryFn: ({ pageParam }) =>
      call<CaseReport>("GET", `/runs/${run.run_id}/cases/${summary.case_id}`, {
        query: { row: summary.row, cursor: pageParam },
      }),
    initialPageParam: "",
    getNextPageParam: (last) => last.next_cursor,
    enabled: summary.started_at !== null || !isOpen(run.status),
    refetchInterval: summary.status === "running" ? 3000 : false,
  });
  const pages = report.data?.pages ?? [];
  const first = pages[0];
  const steps = pages.flatMap((page) => page.steps);
  const leaf = (one: StepResult) => one.type !== "group" && one.type !== "call";
  const open =
    steps.find((one) => String(one.seq) === search.step) ??
    steps.find((one) => BAD.has(one.status) && leaf(one)) ??
    steps.find((one) => BAD.has(one.status)) ??
    steps.findLast((one) => one.status !== "skipped") ??
    steps[0];
  const choose = (one: StepResult) =>
    void navigate({
      to: `/runs/${run.run_id}/cases/${summary.case_id}` as "/",
      search: { row: search.row, step: String(one.seq) } as never,
      replace: true,
    });
  return (
    <article className="panel" aria-label={summary.name}>
      <div className="actions" style={{ marginBottom: 12 }}>
        <h2 style={{ margin: 0 }}>{visible(summary.name)}</h2>
        <Status status={summary.status} />
        <span className="faint small num">
          {BAD.has(summary.status) &&
            `${t("report.stepsPassed", { passed: summary.steps_passed, total: summary.steps_total })} · `}
          {summary.revision !== null && `${t("cases.revision")} ${summary.revision} · `}
          {duration(summary.duration_ms)}
          {summary.starts > 1 && ` · ${t("report.starts", { count: summary.starts })}`}
        </span>
        <History caseId={summary.case_id} />
        <span className="spring" />
        {summary.project && (
          <Link to={`/p/${summary.project.id}/cases/${summary.case_id}` as "/"} search={{ step: open?.path } as never}>
            {t("report.openEditor")}
          </Link>
        )}
      </div>
      {summary.reason && (
        <Alert
          type="warning"
          showIcon
          title={t("report.reason", { reason: word("reason", summary.reason) })}
          style={{ marginBottom: 12 }}
        />
      )}
      {(report.isLoading || report.error) && <Loaded query={report}>{() => null}</Loaded>}
      {first?.purged && <Alert type="info" showIcon title={t("report.purged")} />}
      <ul className="step-chips" aria-label={t("cases.steps")}>
        {(steps.length > 1 ? steps : []).map((one) => (
          <li key={one.seq}>
            <button type="button" className="step-chip" aria-pressed={one === open} onClick={() => choose(one)}>
              <Status status={one.flaky && one.status === "passed" ? "flaky" : one.status} iconOnly />
              <span className="name">
                {one.path} {visible(one.name)}
              </span>
              <span className="faint small num">{duration(one.duration_ms)}</span>
            </button>
          </li>
        ))}
        {report.hasNextPage && (
          <li>
            <Button size="small" loading={report.isFetchingNextPage} onClick={() => void report.fetchNextPage()}>
              {t("report.moreSteps")}
            </Button>
          </li>
        )}
      </ul>
      {open && first && <StepPanel key={open.seq} run={run} report={first} step={open} />}
      {!open && isOpen(run.status) && !report.isLoading && (
        <p className="faint">{summary.started_at ? t("report.noStepYet") : t("report.waiting")}</p>
      )}
      {first?.variables && first.variables.length > 0 && (
        <details style={{ marginTop: 12 }}>
          <summary>
            {t("report.variables")} ({first.variables.length})
          </summary>
          <VariableTable variables={first.variables} />
        </details>
      )}
    </article>
  );
}
