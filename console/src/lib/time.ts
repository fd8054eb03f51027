import dayjs from "dayjs";
import utc from "dayjs/plugin/utc";

dayjs.extend(utc);

function offset(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const text = (value: number) => String(value).padStart(2, "0");
  return `${minutes < 0 ? "-" : "+"}${text(Math.floor(Math.abs(minutes) / 60))}:${text(Math.abs(minutes) % 60)}`;
}

/** A time in the reader's zone: `2026-11-24 09:00:05`. */
export function localTime(iso: string): string {
  return dayjs(iso).format("YYYY-MM-DD HH:mm:ss");
}

/** Short: the year only where it is not this one. */
export function shortTime(iso: string, now = new Date()): string {
  const date = dayjs(iso);
  return date.format(date.year() === now.getFullYear() ? "MM-DD HH:mm:ss" : "YYYY-MM-DD HH:mm");
}

/** The reader's offset at that time: `+08:00`. */
export function offsetAt(iso: string): string {
  return offset(new Date(iso));
}

/** The same instant in UTC, to the second. */
export function utcTime(iso: string): string {
  return `${dayjs(iso).utc().format("YYYY-MM-DD HH:mm:ss")} UTC`;
}

/** A picked local time as the API takes it: with seconds and offset. */
export function withOffset(date: dayjs.Dayjs): string {
  return `${date.format("YYYY-MM-DDTHH:mm:ss")}${offset(date.toDate())}`;
}

/** Milliseconds for people: `80 ms`, `1.2 s`, `2 min 05 s`, `1 h 03 min`. */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1) return "<1 ms";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const pad = (value: number) => String(value).padStart(2, "0");
  const seconds = Math.floor(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${pad(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${pad(Math.floor((seconds % 3600) / 60))} min`;
}

/** Seconds as a clock: `00:41`, `1:02:03`. */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const pad = (value: number) => String(value).padStart(2, "0");
  const rest = `${pad(Math.floor((seconds % 3600) / 60))}:${pad(seconds % 60)}`;
  return seconds < 3600 ? rest : `${Math.floor(seconds / 3600)}:${rest}`;
}

/** Bytes for people, in powers of 1,024. */
export function bytes(count: number | null | undefined): string {
  if (count === null || count === undefined) return "–";
  if (count < 1024) return `${count} B`;
  if (count < 1024 * 1024) return `${(count / 1024).toFixed(1)} KB`;
  return `${(count / 1024 / 1024).toFixed(1)} MB`;
}

/** A rate as the API gives it (0–100, floored to two decimals). */
export function percent(rate: number | null | undefined): string {
  return rate === null || rate === undefined ? "–" : `${rate}%`;
}

const DAY = 86_400;
/** In seconds: how long each is, and below what it is used. */
const UNITS: [Intl.RelativeTimeFormatUnit, number, number][] = [
  ["second", 1, 60],
  ["minute", 60, 3600],
  ["hour", 3600, DAY],
  ["day", DAY, 60 * DAY],
  ["month", 30 * DAY, 730 * DAY],
];

/** "in 18 hours", "3 分钟前", "in 3 months". */
export function relative(iso: string, language: string, now = Date.now()): string {
  const seconds = (new Date(iso).getTime() - now) / 1000;
  const size = Math.abs(seconds);
  // "now" in place of "in 0 seconds", but no "tomorrow" in place of "in 1 day".
  const numeric = size < 1 ? "auto" : "always";
  const format = new Intl.RelativeTimeFormat(language === "en" ? "en" : "zh-CN", { numeric });
  const [unit, length] = UNITS.find(([, , below]) => size < below) ?? ["year", 365 * DAY];
  // Chinese stands apart from digits, as everywhere else.
  return format.format(Math.trunc(seconds / length), unit).replace(/(\d)(?=\p{Script=Han})/u, "$1 ");
}
