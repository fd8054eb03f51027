import { useEffect, useRef, useState } from "react";
import { takeSlot } from "./slots";
import { follow, type StreamEvent, type StreamState } from "./sse";

/**
 * Follow a stream while the page shows and this tab may hold one of the browser's streams. `onEvent` answers true when
 * the stream has come to its end. Without a path nothing is followed.
 */
export function useLive(path: string | null, onEvent: (event: StreamEvent) => boolean): StreamState {
  const [state, setState] = useState<StreamState>("opening");
  const handler = useRef(onEvent);
  handler.current = onEvent;
  useEffect(() => {
    if (!path) return;
    let abort = new AbortController();
    let claim: ReturnType<typeof setTimeout> | undefined;
    const begin = async () => {
      const mine = new AbortController();
      abort = mine;
      const release = await takeSlot();
      if (!release || mine.signal.aborted) {
        release?.();
        if (mine.signal.aborted) return;
        setState("closed");
        claim = setTimeout(() => void begin(), 5000);
        return;
      }
      void follow(path, mine.signal, (event) => event.event !== "ping" && handler.current(event), setState).finally(
        release,
      );
    };
    const onVisible = () => {
      if (document.hidden) {
        clearTimeout(claim);
        abort.abort();
        setState("closed");
      } else if (abort.signal.aborted) void begin();
    };
    if (document.hidden) abort.abort();
    else {
      setState("opening");
      void begin();
    }
    document.addEventListener("visibilitychange", onVisible);
    return () => {
      document.removeEventListener("visibilitychange", onVisible);
      abort.abort();
      clearTimeout(claim);
      setState("closed");
    };
  }, [path]);
  return state;
}

/** The work, done at most once in so many milliseconds: after the first call that asks for it. */
export function useSeldom(ms: number, work: () => void): () => void {
  const latest = useRef(work);
  latest.current = work;
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  return () => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      if (!document.hidden) latest.current(); // once it shows again, the stream begins again too
    }, ms);
  };
}
