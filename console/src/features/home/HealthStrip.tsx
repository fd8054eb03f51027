import { useQuery } from "@tanstack/react-query";
import { Alert } from "antd";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import type { SchedulerStatus, Workers } from "~/api/types";
import { relative } from "~/lib/time";

const late = (at: string | null | undefined, now: string | number, ms: number) =>
  Boolean(at) && new Date(now).getTime() - new Date(at as string).getTime() > ms;

/** How the scheduler does: `silent` after 3 minutes without a heartbeat, `overdue` where a task waits for a minute. */
export function schedulerState(status: SchedulerStatus): "alive" | "silent" | "overdue" {
  if (late(status.last_pass_at, status.now, 180_000)) return "silent";
  return status.overdue > 0 && late(status.oldest_due_at, status.now, 60_000) ? "overdue" : "alive";
}

/** A strip under the top bar, only while the scheduler or the workers are silent. */
export function HealthStrip() {
  const { t, i18n } = useTranslation();
  const scheduler = useQuery({
    queryKey: ["scheduler-status"],
    queryFn: () => call<SchedulerStatus>("GET", "/scheduler/status"),
    refetchInterval: 30_000,
    staleTime: 25_000,
    retry: false,
  });
  const workers = useQuery({
    queryKey: ["workers"],
    queryFn: () => call<Workers>("GET", "/runs/workers"),
    refetchInterval: 30_000,
    staleTime: 25_000,
    retry: false,
  });
  const status = scheduler.data;
  const state = status && schedulerState(status);
  const lines = [
    state === "silent" && t("health.schedulerSilent", { ago: relative(status?.last_pass_at as string, i18n.language) }),
    state === "overdue" && t("health.overdue", { count: status?.overdue }),
    workers.data &&
      late(workers.data.oldest_queued_at, Date.now(), 120_000) &&
      t("health.queue", { count: workers.data.queued }),
  ].filter(Boolean);
  return (
    <>
      {lines.map((line) => (
        <Alert key={String(line)} banner type="warning" title={line} />
      ))}
    </>
  );
}
