import { describe, expect, test } from "vitest";
import type { Json } from "./json";
import { merge } from "./merge";

const step = (name: string, url: string, asserts: Json[] = []): Json => ({
  type: "request",
  name,
  request: { url },
  asserts,
});
const status = (value: number): Json => ({ query: { type: "status" }, predicate: "==", value });
const base = { name: "pay", tags: ["a"], steps: [step("log in", "/login"), step("order", "/order", [status(200)])] };

describe("two changes of one case", () => {
  test("in different steps are both taken", () => {
    const mine = { ...base, steps: [step("log in", "/v2/login"), base.steps[1] as Json] };
    const theirs = { ...base, steps: [base.steps[0] as Json, step("order", "/order", [status(201)])] };
    expect(merge(base, mine, theirs)).toEqual({
      value: { ...base, steps: [mine.steps[0], theirs.steps[1]] },
      conflicts: [],
    });
  });
  test("in different fields of one step are both taken", () => {
    const mine = { ...base, steps: [base.steps[0] as Json, step("order", "/v2/order", [status(200)])] };
    const theirs = { ...base, steps: [base.steps[0] as Json, step("order", "/order", [status(200), status(201)])] };
    expect(merge(base, mine, theirs)).toEqual({
      value: { ...base, steps: [base.steps[0], step("order", "/v2/order", [status(200), status(201)])] },
      conflicts: [],
    });
  });
  test("that add steps at one place keep all of them, mine first", () => {
    const mine = { ...base, steps: [step("mine", "/m"), ...base.steps] };
    const theirs = { ...base, steps: [step("theirs", "/t"), ...base.steps, step("last", "/l")] };
    const { value, conflicts } = merge(base, mine, theirs) as { value: typeof base; conflicts: unknown[] };
    expect(value.steps.map((one) => (one as { name: string }).name)).toEqual([
      "mine",
      "theirs",
      "log in",
      "order",
      "last",
    ]);
    expect(conflicts).toEqual([]);
  });
  test("of one value are a conflict, which a choice settles", () => {
    const mine = { ...base, name: "mine" };
    const theirs = { ...base, name: "theirs", tags: ["a", "b"] };
    expect(merge(base, mine, theirs)).toEqual({
      value: { ...base, name: "mine", tags: ["a", "b"] },
      conflicts: [{ path: "name", mine: "mine", theirs: "theirs" }],
    });
    expect(merge(base, mine, theirs, { name: "theirs" }).value).toEqual(theirs);
  });
  test("where one removes the step that the other changed are a conflict", () => {
    const mine = { ...base, steps: [base.steps[0] as Json] };
    const changed = step("order", "/order", [status(201)]);
    const theirs = { ...base, steps: [base.steps[0] as Json, changed] };
    expect(merge(base, mine, theirs)).toEqual({
      value: mine,
      conflicts: [{ path: "steps[1]", mine: undefined, theirs: changed }],
    });
    expect(merge(base, mine, theirs, { "steps[1]": "theirs" }).value).toEqual(theirs);
  });
  test("where one removes and the other touches nothing of it remove it", () => {
    const mine = { ...base, steps: [base.steps[1] as Json] };
    expect(merge(base, mine, { ...base, name: "new" })).toEqual({
      value: { ...base, name: "new", steps: [base.steps[1]] },
      conflicts: [],
    });
  });
  test("that are the same are no conflict", () => {
    const both = { ...base, name: "both" };
    expect(merge(base, both, structuredClone(both))).toEqual({ value: both, conflicts: [] });
  });
  test("of unnamed items are found by their place", () => {
    const rows = [{ user: "a" }, { user: "b" }];
    expect(merge(rows, [{ user: "x" }, { user: "b" }], [{ user: "a" }, { user: "y" }])).toEqual({
      value: [{ user: "x" }, { user: "y" }],
      conflicts: [],
    });
  });
  test("keep ids past 2^53 apart", () => {
    expect(merge({ id: 9007199254740992n }, { id: 9007199254740993n }, { id: 9007199254740992n }).value).toEqual({
      id: 9007199254740993n,
    });
  });
});
