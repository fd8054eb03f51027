import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { Run } from "~/api/types";
import { visible } from "~/lib/bidi";
import { duration } from "~/lib/time";
import { ListTable } from "~/ui/ListTable";
import { Status } from "~/ui/Status";
import { When } from "~/ui/When";
import { useWord } from "~/ui/words";
import { useRunName } from "./name";
import { RunRate } from "./RunRate";

interface Props {
  runs: Run[];
  /** Lead to this case in each run. */
  caseId?: number;
  /** All of one task: they are told apart by when they began. */
  ofTask?: boolean;
}

/** Runs, one a line. */
export function RunTable({ runs, caseId, ofTask }: Props) {
  const { t } = useTranslation();
  const word = useWord();
  const nameOf = useRunName();
  const to = (run: Run) => `/runs/${run.run_id}${caseId ? `/cases/${caseId}` : ""}` as "/";
  const began = (run: Run) => <When at={run.started_at ?? run.created_at} />;
  return (
    <ListTable<Run>
      rowKey="run_id"
      dataSource={runs}
      pagination={false}
      columns={[
        {
          title: caseId ? t("runs.wholeStatus") : t("runs.status"),
          render: (_, run) => <Status status={run.status} />,
        },
        ofTask
          ? { title: t("runs.started"), render: (_, run) => <Link to={to(run)}>{began(run)}</Link> }
          : {
              title: t("runs.name"),
              render: (_, run) => (
                <Link to={to(run)} className="name">
                  {nameOf(run)}
                </Link>
              ),
            },
        {
          title: t("runs.trigger"),
          render: (_, run) =>
            `${word("trigger", run.trigger)}${run.attempt > 1 ? ` ${run.attempt}/${run.max_attempts}` : ""}`,
        },
        {
          title: t("environments.one"),
          render: (_, run) =>
            Object.values(run.environments)
              .map((one) => visible(one.name ?? ""))
              .join(", "),
        },
        { title: t("runs.rate"), render: (_, run) => <RunRate run={run} /> },
        {
          title: t("runs.changes"),
          render: (_, run) =>
            Boolean(run.new || run.recovered || run.flaky) && (
              <span className="actions nowrap">
                {Boolean(run.new) && <span className="bad">{t("runs.new", { count: run.new })}</span>}
                {Boolean(run.recovered) && (
                  <span className="good">{t("runs.recovered", { count: run.recovered })}</span>
                )}
                {Boolean(run.flaky) && <Status status="flaky" count={run.flaky} />}
              </span>
            ),
        },
        {
          title: t("runs.duration"),
          render: (_, run) => <span className="num nowrap">{duration(run.duration_ms)}</span>,
        },
        ...(ofTask ? [] : [{ title: t("runs.started"), render: (_: unknown, run: Run) => began(run) }]),
      ]}
    />
  );
}
