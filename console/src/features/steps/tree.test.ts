import { expect, test } from "vitest";
import type { Document, StepResult } from "~/api/types";
import { fromPairs, insertAfter, moveStep, neighbours, numberOf, placeOf, removeStep, resultAt, stepAt } from "./tree";

const wait = (name: string) => ({ type: "wait", name, duration_ms: 1 });
const document: Document = {
  apiVersion: "rounds/v1",
  kind: "Case",
  name: "x",
  steps: [
    wait("a"),
    { type: "group", name: "g", for_each: { in: [1], as: "n" }, steps: [wait("b"), wait("c")] },
    wait("d"),
  ],
};
const names = (found: Document) =>
  found.steps.map((step) => step.name + (step.steps ? `(${step.steps.map((one) => one.name)})` : "")).join(" ");

test("a step moves down, up, into a group and out of it", () => {
  expect(names(moveStep(document, "steps.0", "steps", null)?.document as Document)).toBe("g(b,c) d a");
  expect(names(moveStep(document, "steps.2", "steps", "steps.0")?.document as Document)).toBe("d a g(b,c)");
  expect(names(moveStep(document, "steps.0", "steps.1.steps", "steps.1.steps.1")?.document as Document)).toBe(
    "g(b,a,c) d",
  );
  expect(moveStep(document, "steps.1.steps.0", "steps", "steps.0")).toMatchObject({ place: "steps.0" });
});

test("a group does not move into itself", () => {
  expect(moveStep(document, "steps.1", "steps.1.steps", null)).toBeNull();
});

test("a step is put after another and taken away", () => {
  const added = insertAfter(document, "steps.1.steps.0", [wait("n")]);
  expect(added.place).toBe("steps.1.steps.1");
  expect(names(added.document)).toBe("a g(b,n,c) d");
  expect(names(removeStep(document, "steps.1"))).toBe("a d");
  expect(stepAt(document, "steps.1.steps.1")?.name).toBe("c");
});

test("a step of a loop shows its last iteration's result", () => {
  const results = ["1", "2.1.1", "2.1.2", "2.2.1", "3"].map((path, seq) => ({
    path,
    seq,
    phase: "main",
  })) as StepResult[];
  expect(numberOf("steps.1.steps.0")).toBe("2.1");
  expect(resultAt(results, document, "steps.1.steps.0")?.path).toBe("2.2.1");
  expect(resultAt(results, document, "steps.2")?.path).toBe("3");
});

test("pairs are an object unless a name repeats", () => {
  expect(fromPairs([["a", "1"]])).toEqual({ a: "1" });
  expect(
    fromPairs([
      ["a", "1"],
      ["a", "2"],
    ]),
  ).toEqual([
    ["a", "1"],
    ["a", "2"],
  ]);
  expect(fromPairs([])).toBeUndefined();
});

test("a step below a group can go into it, a step in a group can leave it", () => {
  const below = neighbours(document, "steps.2");
  expect(names(moveStep(document, "steps.2", below.groupAbove as string, null)?.document as Document)).toBe(
    "a g(b,c,d)",
  );
  const inside = neighbours(document, "steps.1.steps.1");
  expect(
    names(moveStep(document, "steps.1.steps.1", inside.outer as string, inside.afterParent)?.document as Document),
  ).toBe("a g(b) c d");
  expect(neighbours(document, "steps.0")).toMatchObject({
    previous: null,
    next: "steps.1",
    groupAbove: null,
    outer: null,
  });
});

test("a path of a report leads to its step, through loops, and into called cases no further than their call", () => {
  expect(placeOf(document, "3")).toBe("steps.2");
  expect(placeOf(document, "2.7.1")).toBe("steps.1.steps.0");
  expect(placeOf(document, "3.4.1")).toBe("steps.2");
  expect(placeOf({ ...document, teardown: [wait("e")] }, "teardown.1")).toBe("teardown.0");
  expect(placeOf(document, "9")).toBeNull();
});
