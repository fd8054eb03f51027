import { isSafeNumber, parse, stringify } from "lossless-json";

export type Json = null | boolean | number | bigint | string | Json[] | { [key: string]: Json };

function number(text: string): number | bigint {
  return /^-?\d+$/.test(text) && !isSafeNumber(text) ? BigInt(text) : Number(text);
}

/** Read JSON; integers beyond 2^53 become bigint, so that none loses a digit. */
export function parseJson<T = Json>(text: string): T {
  return (/\d{16}/.test(text) ? parse(text, undefined, number) : JSON.parse(text)) as T;
}

/** Write JSON; bigint as plain digits. */
export function writeJson(value: unknown, space?: number): string {
  return stringify(value, undefined, space) ?? "null";
}

/** Lay JSON text out over lines without changing a digit of it, also where its end is missing; other text stays. */
export function prettyJson(text: string): string {
  try {
    return writeJson(parseJson(text), 2);
  } catch {
    return /^\s*[[{]\s*["[{\]}\d-]/.test(text) ? spread(text) : text;
  }
}

/** Breaks lines at brackets and commas, whatever stands between them. */
function spread(text: string): string {
  const parts: string[] = [];
  let depth = 0;
  const line = () => parts.push(`\n${"  ".repeat(depth)}`);
  for (const [token] of text.matchAll(/"(?:\\.|[^"\\])*"?|[[\]{},:]|[^\s"[\]{},:]+/g)) {
    if (token === "}" || token === "]") {
      depth = Math.max(0, depth - 1);
      line();
    }
    parts.push(token === ":" ? ": " : token);
    if (token === "{" || token === "[") {
      depth++;
      line();
    } else if (token === ",") line();
  }
  return parts.join("");
}

export function sameJson(a: unknown, b: unknown): boolean {
  return writeJson(a) === writeJson(b);
}
