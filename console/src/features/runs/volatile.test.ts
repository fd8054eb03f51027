import { describe, expect, it } from "vitest";
import { differsAlways } from "./volatile";

describe("what differs at every run", () => {
  it.each([
    ["2026-11-24T10:00:00Z", "2026-11-25T10:00:00.123+08:00", true],
    ["2026-11-24 10:00", "2026-11-25", true],
    ["Tue, 24 Nov 2026 10:00:00 GMT", "Wed, 25 Nov 2026 10:00:00 GMT", true],
    [1764000000, 1764086400, true],
    ["1764000000123", 1764086400456, true],
    ["0198e0c2-0000-7000-8000-000000000000", "0198e0c3000070008000000000000000", true],
    ["refunded", "paid", false],
    [0, 1.5, false],
    ["2026-11-24", "", false],
    [9007199254740993n, 1764086400, false],
    [undefined, "2026-11-24", false],
    [null, { at: 1 }, false],
  ])("%s and %s: %s", (before, now, wanted) => {
    expect(differsAlways(before, now)).toBe(wanted);
  });
});
