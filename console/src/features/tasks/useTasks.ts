import { useLive, useSeldom } from "~/api/live";
import { queryClient } from "~/api/queries";
import type { StreamState } from "~/api/sse";
import type { Page, Task } from "~/api/types";
import { parseJson } from "~/lib/json";

/**
 * Keep tasks up to date wherever they show, by the server's stream. Where a change `concerns` what the page asked for,
 * or the stream cannot tell what it has missed, `again` asks anew: at most once in two seconds.
 */
export function useTaskStream(concerns: (task: Task) => boolean, again: () => void): StreamState {
  const ask = useSeldom(2000, again);
  return useLive("/scheduler/events", ({ event, data }) => {
    if (event === "ready") ask();
    if (event !== "task.changed") return false;
    const task = parseJson<Task>(data);
    queryClient.setQueriesData<Task>({ queryKey: ["task", task.id] }, (old) => (old ? task : old));
    queryClient.setQueriesData<Page<Task>>({ queryKey: ["tasks"] }, (old) =>
      old?.data.some((one) => one.id === task.id)
        ? { ...old, data: old.data.map((one) => (one.id === task.id ? task : one)) }
        : old,
    );
    if (concerns(task)) ask();
    return false;
  });
}
