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

/** Lay JSON text out over lines without changing a digit of it; other text stays as it is. */
export function prettyJson(text: string): string {
  try {
    return writeJson(parseJson(text), 2);
  } catch {
    return text;
  }
}

export function sameJson(a: unknown, b: unknown): boolean {
  return writeJson(a) === writeJson(b);
}
