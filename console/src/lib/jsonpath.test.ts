import { describe, expect, it, test } from "vitest";
import { child, everyItem, valueAt } from "./jsonpath";

const text = `{
  "id": 9007199254740993,
  "items": [{"sku": "a-1", "qty": 2}, []],
  "a b": "键",
  "it's": true,
  "[\\"]": null,
  "中文": -1.5e3
}`;
const at = (piece: string) => valueAt(text, text.indexOf(piece) + 1);

describe("every item", () => {
  it.each([
    ["$.items[1].sku", "$.items[*].sku"],
    ["$[0][12]", "$[0][*]"],
    ["$['a[1]'].b", null],
    ["$['it\\'s'][3]['[4]']", "$['it\\'s'][*]['[4]']"],
    ["$.plain", null],
  ])("of %s is %s", (path, wanted) => {
    expect(everyItem(path)).toBe(wanted);
  });
});

describe("the value under a place of JSON text", () => {
  test("keeps every digit of a long number", () => {
    expect(at("9007199254740993")).toEqual({ path: "$.id", raw: "9007199254740993", kind: "number", length: null });
  });
  test("is found by its key too", () => {
    expect(at('"id"')?.path).toBe("$.id");
  });
  test("inside an array has an index", () => {
    expect(at('"a-1"')).toMatchObject({ path: "$.items[0].sku", raw: '"a-1"', kind: "string" });
  });
  test("is the array itself between its items", () => {
    expect(valueAt(text, text.indexOf(", []") + 1)).toMatchObject({ path: "$.items", kind: "array", length: 2 });
  });
  test("is an empty array", () => {
    expect(valueAt(text, text.indexOf("[]"))).toMatchObject({ path: "$.items[1]", length: 0 });
  });
  test.each([
    ['"键"', "$['a b']"],
    ["true", "$['it\\'s']"],
    ["null", `$['["]']`],
    ["-1.5e3", "$['中文']"],
  ])("under %s has the path %s", (piece, path) => {
    expect(at(piece)?.path).toBe(path);
  });
  test("of text that is no JSON is nothing", () => {
    expect(valueAt("<html>hello</html>", 3)).toBeNull();
  });
  test("is found fast in one line of 5 MB", () => {
    const long = `[${'{"name":"value","n":12345},'.repeat(190_000)}{"last":1}]`;
    const began = process.cpuUsage();
    expect(valueAt(long, long.length - 3)?.path).toBe("$[190000].last");
    expect(process.cpuUsage(began).user / 1000).toBeLessThan(2000);
  });
});

test("a control character in a key is escaped in the path", () => {
  expect(child("$", "a\nb")).toBe("$['a\\nb']");
});
