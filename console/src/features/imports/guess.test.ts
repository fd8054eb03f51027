import { expect, test } from "vitest";
import { guess } from "./guess";

test.each([
  ["curl https://a", "curl"],
  ["# log in\ncurl -X POST https://a", "curl"],
  ["export A=1\ncurl https://a", "curl"],
  ['{"info":{"_postman_id":"1"}}', "Postman"],
  ['{"openapi":"3.1.0"}', "OpenAPI"],
  ["openapi: 3.0.0\ninfo: {}", "OpenAPI"],
  ['{"log":{"version":"1.2"}}', "HAR"],
  ["hello", null],
  ['{"a":1}', null],
  ["", null],
])("%j is guessed as %s", (text, format) => {
  expect(guess(text)).toBe(format);
});
