import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** Write rows past the API, where thousands are wanted. */
export function sql(text: string): void {
  const data = process.env.E2E_DATA as string;
  const port = readFileSync(`${data}/postgres/postmaster.pid`, "utf8").split("\n")[3] as string;
  const secrets = readFileSync(`${data}/secrets.env`, "utf8");
  const password = /^POSTGRES_PASSWORD=(.*)$/m.exec(secrets)?.[1] as string;
  const python = new URL("../../.venv/bin/python", import.meta.url).pathname;
  const psql = execFileSync(python, ["-c", "from cli.postgres import BIN; print(BIN / 'psql')"], {
    encoding: "utf8",
  }).trim();
  execFileSync(psql, ["-q", "-v", "ON_ERROR_STOP=1", "-1", `postgresql://postgres@127.0.0.1:${port}/postgres`], {
    input: text,
    env: { ...process.env, PGPASSWORD: password },
  });
}
