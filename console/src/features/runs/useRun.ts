import { useQuery } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { call } from "~/api/client";
import { useLive, useSeldom } from "~/api/live";
import { queryClient } from "~/api/queries";
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
  const [progress, setProgress] = useState<Record<string, Progress>>({});
  const live = useRef(false);
  const run = useQuery({
    queryKey: ["run", id],
    queryFn: () => call<RunDetail>("GET", `/runs/${id}`),
    refetchInterval: (query) =>
      query.state.data && isOpen(query.state.data.status) ? (live.current ? 10_000 : 2000) : false,
  });
  const open = run.data ? isOpen(run.data.status) : false;
  const refresh = useSeldom(500, () => {
    void queryClient.invalidateQueries({ queryKey: ["run", id] });
    void queryClient.invalidateQueries({ queryKey: ["case-run", id] });
  });
  const stream = useLive(open ? `/runs/${id}/events` : null, ({ event, data }) => {
    if (event === "step.completed") {
      const step = parseJson<{ position: number; row: number | null; path: string; name: string; status: string }>(
        data,
      );
      const key = `${step.position} ${step.row ?? ""}`;
      setProgress((old) => ({
        ...old,
        [key]: { path: step.path, name: step.name, status: step.status, done: (old[key]?.done ?? 0) + 1 },
      }));
    }
    refresh();
    return event === "run.completed";
  });
  live.current = stream === "live";
  return { run, stream, progress };
}
