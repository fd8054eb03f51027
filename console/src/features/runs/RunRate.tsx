import { useTranslation } from "react-i18next";
import type { Run, RunDetail } from "~/api/types";
import { percent } from "~/lib/time";
import { isOpen } from "./useRun";

/** How a run came out: the rate, and the cases that it counts; while it goes on, how far it is. */
export function RunRate({ run }: { run: Run | RunDetail }) {
  const { t } = useTranslation();
  if (isOpen(run.status))
    return <span className="num nowrap">{t("runs.doneOf", { done: run.cases_done, total: run.cases_total })}</span>;
  const notCounted = "cases" in run ? run.cases.filter((one) => one.failure_class === "platform").length : 0;
  const counted = run.cases_passed + run.cases_failed + run.cases_error - notCounted;
  return (
    <span className="num nowrap">
      {percent(run.pass_rate)} {counted > 0 && <span className="faint">{`${run.cases_passed}/${counted}`}</span>}
    </span>
  );
}
