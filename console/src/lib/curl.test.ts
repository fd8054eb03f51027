import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { bashQuote, cmdQuote, toCurl } from "./curl";

test.each(["it's", "`id`", "$(id)", "$HOME", "100%", "a^b", "line\nbreak", 'say "hi"', "中文", "a\\b", "", "!x"])(
  "bash reads %j back as it was",
  (text) => {
    expect(execFileSync("bash", ["-c", `printf %s ${bashQuote(text)}`], { encoding: "utf8" })).toBe(text);
  },
);

test("NUL, which no program can be given, is left out", () => {
  expect(bashQuote("a\0b")).toBe("ab");
});

test("cmd expands no variable and keeps quotes", () => {
  expect(cmdQuote('say "hi" to %USER%')).toBe('"say \\"hi\\" to "^%"USER"^%""');
});

test("a masked value becomes a variable, with a line that sets it", () => {
  const command = toCurl(
    {
      method: "GET",
      url: "http://t/x",
      headers: [
        ["Authorization", "Bearer ***"],
        ["Host", "t"],
      ],
      body: null,
    },
    "bash",
  );
  expect(command).toBe(
    `ROUNDS_TOKEN='…'  # the secret\ncurl -X GET \\\n  http://t/x \\\n  -H 'Authorization: Bearer '"$ROUNDS_TOKEN"`,
  );
});

test("the body is sent as it is", () => {
  const command = toCurl({ method: "POST", url: "http://t", headers: [], body: `{"a":"it's @x"}` }, "bash");
  const words = execFileSync("bash", ["-c", `curl() { printf '%s\\n' "$@"; }\n${command}`], { encoding: "utf8" }).split(
    "\n",
  );
  expect(words.slice(0, 5)).toEqual(["-X", "POST", "http://t", "--data-raw", `{"a":"it's @x"}`]);
});
