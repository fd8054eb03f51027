import { useSyncExternalStore } from "react";

/** Whether the API answers at all. While it does not, it is asked every 3 s until it does again. */
const listeners = new Set<() => void>();
const recoveries = new Set<() => void>();
let down = false;
let timer: ReturnType<typeof setTimeout> | undefined;

function set(next: boolean): void {
  if (next === down) return;
  down = next;
  for (const listener of listeners) listener();
  if (!down) for (const recovered of recoveries) recovered();
}

async function knock(): Promise<void> {
  try {
    const answer = await fetch("/user/platform", { signal: AbortSignal.timeout(5000) });
    if (answer.status < 500) return set(false);
  } catch {
    // Still no answer: asked again below.
  }
  timer = setTimeout(() => void knock(), 3000);
}

/** Told by every call: whether it was answered. */
export function heard(answered: boolean): void {
  if (answered) {
    clearTimeout(timer);
    set(false);
  } else if (!down) {
    set(true);
    timer = setTimeout(() => void knock(), 3000);
  }
}

/** Run something each time the API answers again. */
export function onRecovery(recovered: () => void): void {
  recoveries.add(recovered);
}

/** Something could not be fetched for want of an answer: resolves when there is one again. */
export function recovered(): Promise<void> {
  clearTimeout(timer);
  set(true);
  return new Promise((resolve) => {
    const once = () => {
      recoveries.delete(once);
      resolve();
    };
    recoveries.add(once);
    void knock();
  });
}

export function useDown(): boolean {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => down,
  );
}
