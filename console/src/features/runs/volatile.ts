import type { Json } from "~/lib/json";

const UUID = /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i;
const DATE = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?\s*(Z|[+-]\d\d:?\d\d)?)?$/;
const HTTP_DATE = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/;
/** Seconds or milliseconds since 1970, of the years 2001 to 2100. */
const EPOCH = /^[1-4]\d{9}(\d{3})?$/;

function moves(value: Json | undefined): boolean {
  const text = typeof value === "object" ? String(value ?? "") : String(value);
  return UUID.test(text) || DATE.test(text) || HTTP_DATE.test(text) || EPOCH.test(text);
}

/** Whether a value differs at every run by what it is: a point in time, or a UUID, on both sides. */
export function differsAlways(before: Json | undefined, now: Json | undefined): boolean {
  return moves(before) && moves(now);
}

const key = (caseId: number) => `rounds.volatile.${caseId}`;

/** What of a case's answers this reader does not want to see compared: JSON paths and names of headers. */
export function ignoredOf(caseId: number): string[] {
  try {
    return JSON.parse(localStorage.getItem(key(caseId)) ?? "[]") as string[];
  } catch {
    return [];
  }
}

export function keepIgnored(caseId: number, ignored: string[]): void {
  if (ignored.length) localStorage.setItem(key(caseId), JSON.stringify(ignored));
  else localStorage.removeItem(key(caseId));
}
