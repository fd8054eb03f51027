import { expect, test } from "vitest";
import { pairVariables, readValue, variablePairs } from "./ValueInput";

test("variables come back from their rows as they were", () => {
  const variables = {
    text: "a b",
    number: 9007199254740993n,
    list: [1, "x"],
    yes: true,
    nothing: null,
    id: "7",
    zeros: "007",
  };
  expect(pairVariables(variablePairs(variables))).toEqual(variables);
});

test("a row may hold a template or broken JSON, which are texts", () => {
  expect(
    pairVariables([
      ["a", "{{user}}"],
      ["b", "[1,"],
    ]),
  ).toEqual({ a: "{{user}}", b: "[1," });
  expect(readValue('"200"')).toBe("200");
  expect(readValue("200")).toBe(200);
});
