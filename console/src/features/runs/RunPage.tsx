import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { CaseRun } from "~/api/types";
import { shortTime } from "~/lib/time";
import { Empty } from "~/ui/Empty";
import { LoadedPage, Page } from "~/ui/Page";
import { CaseList } from "./CaseList";
import { CasePanel } from "./CasePanel";
import { useRunName } from "./name";
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
  const nameOf = useRunName();
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
        const named = found.cases.filter((one) => String(one.case_id) === cid);
        const asked = named.find((one) => String(one.row ?? "") === (search.row ?? "")) ?? named[0];
        const wanted =
          asked ?? (isOpen(found.status) && !follow ? undefined : ordered.find((one) => one.started_at)) ?? ordered[0];
        return (
          <Page
            up={<Link to="/runs">← {t("nav.runs")}</Link>}
            title={
              <>
                {nameOf(found)}{" "}
                <span className="faint small num nowrap">{shortTime(found.started_at ?? found.created_at)}</span>
              </>
            }
            actions={<RunActions run={found} />}
          >
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
