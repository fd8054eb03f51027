import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { call } from "~/api/client";
import { queryClient } from "~/api/queries";
import { takeSlot } from "~/api/slots";
import { follow, type StreamState } from "~/api/sse";
import type { RunDetail } from "~/api/types";
import { parseJson } from "~/lib/json";

const OPEN = new Set(["queued", "running", "cancelling"]);

export function isOpen(status: string): boolean {
  return OPEN.has(status);
}

/** The step that a case is at, told by the stream. */
export interface Progress {
  path: string;
  name: string;
  status: string;
  done: number;
}

/**
 * A run, kept up to date while it goes on: the stream says that something happened, the report is read anew (at most
 * twice a second); without the stream it is read every 2 s. The stream is open only while the page is visible, and in a
 * few tabs at a time.
 */
export function useRun(id: string) {
  const [stream, setStream] = useState<StreamState>("closed");
  const [progress, setProgress] = useState<Record<string, Progress>>({});
  const run = useQuery({
    queryKey: ["run", id],
    queryFn: () => call<RunDetail>("GET", `/runs/${id}`),
    refetchInterval: (query) =>
      query.state.data && isOpen(query.state.data.status) ? (stream === "live" ? 10_000 : 2000) : false,
  });
  const open = run.data ? isOpen(run.data.status) : false;
  useEffect(() => {
    if (!open) return;
    let abort = new AbortController();
    let waiting: ReturnType<typeof setTimeout> | null = null;
    const refresh = () => {
      waiting ??= setTimeout(() => {
        waiting = null;
        void queryClient.invalidateQueries({ queryKey: ["run", id] });
        void queryClient.invalidateQueries({ queryKey: ["case-run", id] });
      }, 500);
    };
    let claim: ReturnType<typeof setTimeout> | undefined;
    const begin = async () => {
      const mine = new AbortController();
      abort = mine;
      const release = await takeSlot();
      if (!release || mine.signal.aborted) {
        release?.();
        if (!mine.signal.aborted) claim = setTimeout(() => void begin(), 5000);
        return;
      }
      void follow(
        `/runs/${id}/events`,
        mine.signal,
        ({ event, data }) => {
          if (event === "ping") return false;
          if (event === "step.completed") {
            const step = parseJson<{
              position: number;
              row: number | null;
              path: string;
              name: string;
              status: string;
            }>(data);
            const key = `${step.position} ${step.row ?? ""}`;
            setProgress((old) => ({
              ...old,
              [key]: { path: step.path, name: step.name, status: step.status, done: (old[key]?.done ?? 0) + 1 },
            }));
          }
          refresh();
          return event === "run.completed";
        },
        setStream,
      ).finally(release);
    };
    const onVisible = () => {
      if (document.hidden) {
        clearTimeout(claim);
        abort.abort();
      } else if (abort.signal.aborted) void begin();
    };
    void begin();
    document.addEventListener("visibilitychange", onVisible);
    return () => {
      document.removeEventListener("visibilitychange", onVisible);
      abort.abort();
      clearTimeout(claim);
      if (waiting) clearTimeout(waiting);
      void queryClient.invalidateQueries({ queryKey: ["run", id] });
    };
  }, [id, open]);
  return { run, stream, progress };
}
