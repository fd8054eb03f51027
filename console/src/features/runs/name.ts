import { useTranslation } from "react-i18next";
import type { Run, RunDetail } from "~/api/types";
import { visible } from "~/lib/bidi";

/** What a run is called: by its task, else by its case where there is one that is known, or by how many there are. */
export function useRunName(): (run: Run | RunDetail) => string {
  const { t } = useTranslation();
  return (run) => {
    const only = "cases" in run && run.cases.length === 1 ? run.cases[0]?.name : undefined;
    return visible(run.task_name ?? `${t("runs.byHand")} · ${only ?? t("runs.ofCases", { count: run.cases_total })}`);
  };
}
