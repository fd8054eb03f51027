import { Link } from "@tanstack/react-router";

import { useTranslation } from "react-i18next";
import type { Run } from "~/api/types";
import { visible } from "~/lib/bidi";
import { duration, percent } from "~/lib/time";
import { ListTable } from "~/ui/ListTable";
import { Status } from "~/ui/Status";
import { When } from "~/ui/When";
import { useWord } from "~/ui/words";

/** Runs, one a line. */
export function RunTable({ runs }: { runs: Run[] }) {
  const { t } = useTranslation();
  const word = useWord();
  return (
    <ListTable<Run>
      rowKey="run_id"
      dataSource={runs}
      pagination={false}
      columns={[
        { title: t("runs.status"), render: (_, run) => <Status status={run.status} /> },
        {
          title: t("runs.name"),
          render: (_, run) => (
            <Link to={`/runs/${run.run_id}` as "/"} className="name">
              {visible(run.task_name ?? t("runs.byHand"))}
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
        {
          title: t("runs.rate"),
          render: (_, run) => (
            <span className="num nowrap">
              {percent(run.pass_rate)} <span className="faint">{`${run.cases_passed}/${run.cases_total}`}</span>
            </span>
          ),
        },
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
        { title: t("runs.started"), render: (_, run) => <When at={run.started_at ?? run.created_at} /> },
      ]}
    />
  );
}
