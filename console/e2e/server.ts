import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FullConfig } from "@playwright/test";
import { mailServer } from "./mail";
import { PASSWORD } from "./rounds";
import { target } from "./target";

export interface Platform {
  base: string;
  /** The first superuser's, as it was printed. */
  password: string;
  process: ChildProcess;
  data: string;
}

/** `rounds up` in a data folder, a fresh one if none is named; ready when this answers. */
export async function startPlatform(data = mkdtempSync(join(tmpdir(), "rounds-e2e-")), port = 0): Promise<Platform> {
  const root = new URL("../..", import.meta.url).pathname;
  const child = spawn(join(root, ".venv/bin/rounds"), ["up", "--port", String(port), "--data-dir", data], {
    env: { ...process.env, ROUNDS_TIMEZONE: "Asia/Shanghai" },
  });
  let said = "";
  await new Promise<void>((ready, failed) => {
    const hear = (chunk: Buffer) => {
      said += chunk;
      if (/Rounds is ready at (\S+)/.test(said)) ready();
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.on("exit", () => failed(new Error(said)));
  });
  const base = new URL((/Rounds is ready at (\S+)/.exec(said) as RegExpExecArray)[1] as string).origin;
  return { base, password: /Log in as admin with (\S+)/.exec(said)?.[1] ?? "", process: child, data };
}

export async function stopPlatform({ process: child, data }: Platform, keep = false): Promise<void> {
  const over = new Promise((resolve) => child.once("exit", resolve));
  if (child.exitCode === null && child.kill("SIGTERM")) await over;
  if (!keep) rmSync(data, { recursive: true, force: true });
}

/**
 * A target for cases, a mail server, and the platform; a superuser and a stranger for each worker, so that none ends
 * another's session. Answers what stops them.
 */
export default async function start(config: FullConfig): Promise<() => Promise<void>> {
  const [aim, mail] = await Promise.all([target(), mailServer()]);
  process.env.ROUNDS_SMTP_URL = mail.url;
  const platform = await startPlatform();
  process.env.E2E_BASE = platform.base;
  process.env.E2E_DATA = platform.data;
  process.env.E2E_TARGET = aim.url;
  const post = async (path: string, body: object, token?: string) => {
    const answer = await fetch(platform.base + path, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...(token && { Authorization: `Token ${token}` }) },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
    return (await answer.json()) as { token: string };
  };
  const first = await post("/user/login", { username: "admin", password: platform.password });
  const change = { old_password: platform.password, password: PASSWORD };
  await post("/user/change-password", change, first.token);
  const { token } = await post("/user/login", { username: "admin", password: PASSWORD });
  for (let worker = 0; worker < config.workers; worker++) {
    for (const [name, is_superuser] of [
      ["tester", true],
      ["reader", false],
    ] as const) {
      await post(
        "/user/user-view",
        {
          username: `${name}${worker}`,
          real_name: `${name} ${worker}`,
          email: `${name}${worker}@example.test`,
          password: PASSWORD,
          is_superuser,
        },
        token,
      );
    }
  }
  return async () => {
    await stopPlatform(platform);
    await Promise.all([aim.close(), mail.close()]);
  };
}
