import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What the target answers: a number beyond 2^53, awkward keys, and what it was sent. */
const ANSWER = { id: "@", state: "paid", fee: 1.5, items: [{ sku: "a-1" }], "a b": 1, "it's": true, 中文: "值" };

/** A target for cases, and the whole platform beside it in a fresh data folder. Answers what stops both. */
export default async function start(): Promise<() => Promise<void>> {
  const target = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      const answer = JSON.stringify({ ...ANSWER, path: request.url, body }).replace('"@"', "9007199254740993");
      setTimeout(
        () => response.writeHead(200, { "Content-Type": "application/json" }).end(answer),
        request.url?.startsWith("/slow") ? 1500 : 0,
      );
    });
  }).listen(0, "127.0.0.1");
  const data = mkdtempSync(join(tmpdir(), "rounds-e2e-"));
  const root = new URL("../..", import.meta.url).pathname;
  const rounds = spawn(join(root, ".venv/bin/rounds"), ["up", "--port", "0", "--data-dir", data], {
    env: { ...process.env, ROUNDS_TIMEZONE: "Asia/Shanghai" },
  });
  let said = "";
  await new Promise<void>((ready, failed) => {
    const hear = (chunk: Buffer) => {
      said += chunk;
      if (/Rounds is ready at (\S+)/.test(said)) ready();
    };
    rounds.stdout.on("data", hear);
    rounds.stderr.on("data", hear);
    rounds.on("exit", () => failed(new Error(said)));
  });
  process.env.E2E_BASE = new URL((/Rounds is ready at (\S+)/.exec(said) as RegExpExecArray)[1] as string).origin;
  process.env.E2E_PASSWORD = (/Log in as admin with (\S+)/.exec(said) as RegExpExecArray)[1];
  process.env.E2E_TARGET = `http://127.0.0.1:${(target.address() as AddressInfo).port}`;
  return async () => {
    const over = new Promise((resolve) => rounds.once("exit", resolve));
    rounds.kill("SIGTERM");
    await over;
    target.close();
    rmSync(data, { recursive: true, force: true });
  };
}
