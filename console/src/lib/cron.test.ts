import { expect, test } from "vitest";
import { fromCron, type Preset, toCron, withoutSeconds } from "./cron";

const presets: Preset[] = [
  { every: "minutes", minutes: 15 },
  { every: "hour", minute: 5 },
  { every: "day", time: "09:30" },
  { every: "weekday", time: "00:00" },
  { every: "week", days: [1, 3], time: "18:05" },
  { every: "month", day: 31, time: "23:59" },
];

test.each(presets)("a preset comes back from its cron: %j", (preset) => {
  expect(fromCron(toCron(preset))).toEqual(preset);
});

test.each([
  "0 9 1 1 *",
  "*/5 9 * * *",
  "0 9 * * MON",
  "0 0 9 * * *",
  "0 24 * * *",
  "0 9 * * 1,1",
  "hello",
  "*/0 * * * *",
])("%j fits no preset and stays cron", (cron) => {
  expect(fromCron(cron)).toBeNull();
});

test.each([
  ["0 0 9 * * ?", "0 9 * * *"],
  ["0 30 8 ? * MON-FRI 2026", "30 8 * * MON-FRI"],
  ["0 9 ? * *", "0 9 * * *"],
])("%j without seconds is %j", (given, mended) => {
  expect(withoutSeconds(given)).toBe(mended);
});

test("five fields need no mending", () => {
  expect(withoutSeconds("0 9 * * 1-5")).toBeNull();
});
