import { expect, test } from "vitest";
import en from "../locales/en.json";
import zh from "../locales/zh-CN.json";
import { visible } from "./bidi";
import { parseJson, prettyJson, sameJson, writeJson } from "./json";
import { bytes, clock, duration, percent, relative } from "./time";

test("JSON goes through without losing a digit", () => {
  const text = '{"id":9007199254740993,"small":1,"rate":0.1234567890123456,"text":"1"}';
  expect(writeJson(parseJson(text))).toBe(text);
  expect(prettyJson("[9007199254740993]")).toBe("[\n  9007199254740993\n]");
});

test("text that is no JSON stays as it is", () => {
  expect(prettyJson("<b>hello</b>")).toBe("<b>hello</b>");
});

test("JSON whose end is missing is laid out as far as it goes", () => {
  expect(prettyJson('{"id":9007199254740993,"items":[{"a":"x, {y}"},{"b":"cut o')).toBe(
    '{\n  "id": 9007199254740993,\n  "items": [\n    {\n      "a": "x, {y}"\n    },\n    {\n      "b": "cut o',
  );
});

test("values are the same by what they say", () => {
  expect(sameJson({ a: [1n] }, { a: [1] })).toBe(true);
  expect(sameJson({ a: "1" }, { a: 1 })).toBe(false);
});

test("hidden characters become marks", () => {
  expect(visible("a\u202eb\u200bc\td")).toBe("a‹U+202E›b‹U+200B›c\td");
});

test("times, sizes and rates are written for people", () => {
  expect([duration(80), duration(1234), duration(125_000), duration(3_780_000), duration(null), duration(0)]).toEqual([
    "80 ms",
    "1.2 s",
    "2 min 05 s",
    "1 h 03 min",
    "–",
    "<1 ms",
  ]);
  expect([clock(41_000), clock(3_723_000)]).toEqual(["00:41", "1:02:03"]);
  expect([bytes(10), bytes(1229), bytes(5 * 1024 * 1024)]).toEqual(["10 B", "1.2 KB", "5.0 MB"]);
  expect([percent(83.33), percent(null)]).toEqual(["83.33%", "–"]);
  expect(relative("2026-01-01T18:00:00Z", "en", Date.parse("2026-01-01T00:00:00Z"))).toBe("in 18 hours");
  const from = Date.parse("2026-01-01T00:00:00Z");
  expect(relative("2026-01-02T01:00:00Z", "zh", from)).toBe("1 天后");
  expect(relative("2026-04-05T00:00:00Z", "en", from)).toBe("in 3 months");
  expect(relative("2099-01-01T00:00:00Z", "en", from)).toBe("in 73 years");
});

function keys(part: object, prefix = ""): string[] {
  return Object.entries(part).flatMap(([key, value]) =>
    typeof value === "string" ? [prefix + key] : keys(value, `${prefix}${key}.`),
  );
}

test("both languages have the same words", () => {
  // English has a singular of its own beside some.
  expect(keys(en).filter((key) => !key.endsWith("_one"))).toEqual(keys(zh));
});

test("the English words hold no Chinese", () => {
  expect(JSON.stringify(en)).not.toMatch(/[\u4e00-\u9fff]/);
});
