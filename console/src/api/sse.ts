import { createParser } from "eventsource-parser";
import { ApiError, fetchApi } from "./client";

export interface StreamEvent {
  event: string;
  id: string | undefined;
  data: string;
}

/** `opening`: nothing is known of it yet. */
export type StreamState = "opening" | "live" | "retrying" | "closed";

/**
 * Follow a server-sent stream by `fetch`, since EventSource cannot send the token. Resumes by `Last-Event-ID` with a
 * backoff of 1–30 s; a silence of 30 s counts as a break. Ends when `onEvent` answers true, or on abort.
 */
export async function follow(
  path: string,
  signal: AbortSignal,
  onEvent: (event: StreamEvent) => boolean,
  onState: (state: StreamState) => void,
): Promise<void> {
  let last: string | undefined;
  let delay = 1000;
  while (!signal.aborted) {
    const quiet = new AbortController();
    let timer = setTimeout(() => quiet.abort(), 30_000);
    let over = false;
    try {
      const response = await fetchApi("GET", path, {
        headers: { Accept: "text/event-stream", ...(last && { "Last-Event-ID": last }) },
        signal: AbortSignal.any([signal, quiet.signal]),
        timeout: 24 * 3_600_000,
      });
      onState("live");
      delay = 1000;
      const parser = createParser({
        onEvent: (event) => {
          last = event.id ?? last;
          over = onEvent({ event: event.event ?? "message", id: event.id, data: event.data }) || over;
        },
      });
      const reader = (response.body as ReadableStream<Uint8Array>)
        .pipeThrough(new TextDecoderStream() as unknown as TransformStream<Uint8Array, string>)
        .getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        clearTimeout(timer);
        timer = setTimeout(() => quiet.abort(), 30_000);
        parser.feed(value);
        if (over) {
          await reader.cancel();
          break;
        }
      }
    } catch (error) {
      if (signal.aborted) break;
      if (error instanceof ApiError && error.status >= 400 && error.status < 500) {
        onState("closed");
        return;
      }
    } finally {
      clearTimeout(timer);
    }
    if (over) {
      onState("closed");
      return;
    }
    if (signal.aborted) return;
    onState("retrying");
    await new Promise((resolve) => setTimeout(resolve, delay));
    delay = Math.min(delay * 2, 30_000);
  }
}
