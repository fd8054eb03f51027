import { Link } from "@tanstack/react-router";
import { Alert, Progress, Switch } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { StreamState } from "~/api/sse";
import type { RunDetail } from "~/api/types";
import { visible } from "~/lib/bidi";
import { clock, duration, shortTime } from "~/lib/time";
import { Mono } from "~/ui/Mono";
import { Status } from "~/ui/Status";
import { When } from "~/ui/When";
import { useWord } from "~/ui/words";
import { RunRate } from "./RunRate";
import { isOpen } from "./useRun";

/** The end of a long run is known to a day only: that helps nobody. */
const SOON_MS = 3 * 3_600_000;

interface Props {
  run: RunDetail;
  stream: StreamState;
  follow: boolean;
  setFollow: (on: boolean) => void;
}

/** How a run stands: status, counts, rate, times; while it goes on its progress and how fresh the page is. */
export function RunSummary({ run, stream, follow, setFollow }: Props) {
  const { t } = useTranslation();
  const word = useWord();
  const open = isOpen(run.status);
  const platform = run.cases.filter((one) => one.failure_class === "platform").length;
  const lost = run.cases.filter((one) => one.starts > 1).length;
  const bad = run.cases_failed + run.cases_error;
  const part = (cases: number) => (run.cases_total ? Math.floor((cases / run.cases_total) * 100) : 0);
  const count = (status: string, number: number) => number > 0 && <Status status={status} count={number} />;
  return (
    <section className="panel summary" aria-label={t("runs.status")}>
      <div className="actions">
        <span className="big">
          <Status status={run.status} />
        </span>
        {!open && run.status !== "cancelled" && (
          <span className="rate">
            {t("runs.rate")} <RunRate run={run} />
          </span>
        )}
        {count("passed", run.cases_passed)}
        {count("failed", run.cases_failed)}
        {count("error", run.cases_error)}
        {count("skipped", run.cases_skipped)}
        {count("cancelled", run.cases_cancelled)}
        {count("flaky", run.cases.filter((one) => one.flaky).length)}
        {platform > 0 && (
          <span className="calm">
            <Status status="platform" count={platform} /> {t("report.notCounted")}
          </span>
        )}
        {open && (
          <>
            <span className="spring" />
            <Elapsed since={run.started_at} />
          </>
        )}
      </div>
      {open && (
        <>
          <Progress
            percent={part(run.cases_done)}
            success={{ percent: part(run.cases_done - bad), strokeColor: "var(--accent)" }}
            strokeColor="#cf1322"
            format={() => `${run.cases_done}/${run.cases_total}`}
            aria-label={t("runs.progress")}
          />
          <div className="facts small faint">
            {run.ends_by && Date.parse(run.ends_by) - Date.now() < SOON_MS && (
              <span>
                {t("runs.endsBy")} <When at={run.ends_by} far />
              </span>
            )}
            {stream === "live" && (
              <span>
                <span className="good">●</span> {t("runs.live")}
              </span>
            )}
            {(stream === "retrying" || stream === "closed") && <span>○ {t("runs.polling")}</span>}
            <span className="nowrap">
              <Switch size="small" aria-label={t("runs.follow")} checked={follow} onChange={setFollow} />
              <span style={{ marginInlineStart: 8 }}>{t("runs.follow")}</span>
            </span>
          </div>
          <Spoken done={run.cases_done} total={run.cases_total} bad={bad} />
        </>
      )}
      {run.reason && (
        <Alert type="warning" showIcon title={t("report.reason", { reason: word("reason", run.reason) })} />
      )}
      <FirstFailure run={run} />
      <div className="facts small faint">
        <span>
          {t("runs.trigger")} {word("trigger", run.trigger)}
        </span>
        {run.attempt > 1 && <span>{t("runs.attempt", { number: run.attempt, max: run.max_attempts })}</span>}
        {run.task_id && (
          <span>
            {t("runs.task")} <Link to={`/tasks/${run.task_id}` as "/"}>{visible(run.task_name ?? "")}</Link>
          </span>
        )}
        {Object.values(run.environments).map((one) => (
          <span key={one.id}>
            {t("environments.one")} {visible(one.name ?? "")}
          </span>
        ))}
        <span>{run.parallel ? t("tasks.parallel") : t("tasks.serial")}</span>
        {run.due_at && shortTime(run.due_at) !== shortTime(run.started_at ?? run.due_at) && (
          <span>
            {t("runs.due")} <When at={run.due_at} />
          </span>
        )}
        <span>
          {t("runs.started")} <When at={run.started_at} />
        </span>
        {!open && (
          <span className="num">
            {t("runs.duration")} {duration(run.duration_ms)}
          </span>
        )}
        {lost > 0 && <span>{t("report.startedAgain", { count: lost })}</span>}
      </div>
    </section>
  );
}

/** Which step of which case was the first not to pass, and what it found. */
function FirstFailure({ run }: { run: RunDetail }) {
  const { t } = useTranslation();
  const first = run.cases.find((one) => one.first_failure);
  if (!first?.first_failure) return null;
  const { path, name, message, actual } = first.first_failure;
  const judged = actual !== null && actual !== undefined;
  return (
    <div>
      {t("report.firstFailure")}
      <Link
        to={`/runs/${run.run_id}/cases/${first.case_id}` as "/"}
        search={(first.row === null ? {} : { row: String(first.row) }) as never}
      >
        {visible(first.name)}
      </Link>{" "}
      › {path} {visible(name)} — {judged && `${t("report.expectedThat")} `}
      <Mono text={message ?? ""} limit={200} />
      {judged && (
        <>
          {t("report.butWas")} <Mono text={String(actual)} limit={120} />
        </>
      )}
    </div>
  );
}

function Elapsed({ since }: { since: string | null }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return <span className="num">{since ? clock(now - new Date(since).getTime()) : "00:00"}</span>;
}

/** What a reader of the screen hears of the progress: at most every 5 s. */
function Spoken({ done, total, bad }: { done: number; total: number; bad: number }) {
  const { t } = useTranslation();
  const words = t("runs.spoken", { done, total, bad });
  const [said, setSaid] = useState(words);
  useEffect(() => {
    const timer = setTimeout(() => setSaid(words), 5000);
    return () => clearTimeout(timer);
  }, [words]);
  return (
    <p className="sr-only" aria-live="polite">
      {said}
    </p>
  );
}
