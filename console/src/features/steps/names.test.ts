import { expect, test } from "vitest";
import type { Document, Environment, Project } from "~/api/types";
import { namesFor, namesIn } from "./names";

const project = { variables: { tenant: "t" } } as unknown as Project;
const environment = {
  base_urls: { default: "https://a", pay: "https://b" },
  variables: { user: "bob" },
  secrets: [{ name: "password" }],
} as unknown as Environment;
const document: Document = {
  apiVersion: "rounds/v1",
  kind: "Case",
  name: "",
  data: [{ row: 1 }],
  steps: [
    { type: "request", captures: [{ name: "token", query: { type: "status" } }] },
    { type: "group", for_each: { in: "{{items}}", as: "item" }, steps: [{ type: "set", variables: { 数量: 1 } }] },
  ],
};

test("names are found in every text of a value, functions and escaped braces are none", () => {
  expect([...namesIn({ a: ["{{ one.two[0] }}", 1], b: "x{{数量}}\\{{three}} {{$uuid}} {{one}}" })]).toEqual([
    "one",
    "数量",
  ]);
});

test("what a project, an environment, a case and its steps define is known", () => {
  const { unknown } = namesFor(document, project, environment);
  const text = "{{tenant}}{{base_url}}{{base_urls.pay}}{{user}}{{password}}{{row}}{{token}}{{item.id}}{{数量}}";
  expect(unknown(text)).toEqual([]);
  expect(unknown(["{{items}}", "{{user}}"])).toEqual(["items"]);
});

test("without an environment its names are unknown", () => {
  expect(namesFor(document, project, undefined).unknown("{{base_url}}/{{tenant}}")).toEqual(["base_url"]);
});

test("beside a called case, whose captures are not known, no name is unknown", () => {
  const calling = { ...document, steps: [...document.steps, { type: "call", case_id: 7 }] };
  expect(namesFor(calling, project, environment).unknown("{{anything}}")).toEqual([]);
});
