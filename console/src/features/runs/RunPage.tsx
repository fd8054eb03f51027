import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { CaseRun, RunDetail } from "~/api/types";
import { visible } from "~/lib/bidi";
import { Empty } from "~/ui/Empty";
import { LoadedPage, Page } from "~/ui/Page";
import { CaseList } from "./CaseList";
import { CasePanel } from "./CasePanel";
import { RunActions } from "./RunActions";
import { RunSummary } from "./RunSummary";
import { isOpen, useRun } from "./useRun";
import "./runs.css";

const WORST: Record<string, number> = {
  error: 0,
  failed: 1,
  running: 2,
  queued: 3,
  waiting: 3,
  skipped: 4,
  cancelled: 4,
  passed: 5,
};

/** A run: live while it goes on, then its report, opened on the first case that did not pass. */
export function RunPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { id, cid } = useParams({ strict: false }) as { id: string; cid?: string };
  const search = useSearch({ strict: false }) as { row?: string };
  const { run, stream, progress } = useRun(id);
  const [follow, setFollow] = useState(true);
  useEffect(() => {
    const stop = () => setFollow(false);
    window.addEventListener("wheel", stop, { passive: true });
    window.addEventListener("touchmove", stop, { passive: true });
    const onKey = (event: KeyboardEvent) => ["PageDown", "PageUp", "Home", "End", " "].includes(event.key) && stop();
    window.addEventListener("keydown", onKey);
    return () => {
      window.removeEventListener("keydown", onKey);
      window.removeEventListener("wheel", stop);
      window.removeEventListener("touchmove", stop);
    };
  }, []);
  const choose = (one: CaseRun) => {
    setFollow(false);
    void navigate({
      to: `/runs/${id}/cases/${one.case_id}` as "/",
      search: (one.row === null ? {} : { row: String(one.row) }) as never,
    });
  };
  return (
    <LoadedPage query={run} title={t("nav.runs")} up="/runs">
      {(found) => {
        const ordered = [...found.cases].sort(
          (a, b) => (WORST[a.status] ?? 3) - (WORST[b.status] ?? 3) || a.position - b.position,
        );
        const asked = cid
          ? found.cases.find((one) => String(one.case_id) === cid && String(one.row ?? "") === (search.row ?? ""))
          : undefined;
        const wanted =
          asked ?? (isOpen(found.status) && !follow ? undefined : ordered.find((one) => one.started_at)) ?? ordered[0];
        return (
          <Page title={<Title run={found} />} actions={<RunActions run={found} />}>
            <RunSummary run={found} stream={stream} follow={follow} setFollow={setFollow} />
            <div className="split report">
              <CaseList cases={ordered} chosen={wanted} onChoose={choose} progress={progress} />
              <div className="stack">
                {wanted ? (
                  <CasePanel key={`${wanted.case_id} ${wanted.row}`} run={found} summary={wanted} />
                ) : (
                  <Empty text={t("report.noCases")} />
                )}
              </div>
            </div>
          </Page>
        );
      }}
    </LoadedPage>
  );
}

function Title({ run }: { run: RunDetail }) {
  const { t } = useTranslation();
  const fallback = run.cases.length === 1 ? run.cases[0]?.name : t("runs.ofCases", { count: run.cases_total });
  return <>{visible(run.task_name ?? fallback ?? "")}</>;
}
