import { type BrowserContext, test as base, expect, type Page } from "@playwright/test";

export const BASE = process.env.E2E_BASE as string;
export const TARGET = process.env.E2E_TARGET as string;
export const PASSWORD = "correct horse battery";

/** Ask the API. Fails the test on a refusal. */
export async function api<T = Record<string, never>>(
  method: string,
  path: string,
  token: string,
  body?: unknown,
): Promise<T> {
  const headers = { "Content-Type": "application/json", Authorization: `Token ${token}` };
  const answer = await fetch(BASE + path, {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  expect(answer.ok, `${method} ${path}: ${text}`).toBe(true);
  return (text ? JSON.parse(text) : undefined) as T;
}

/** A machine's key: it ends no browser's session. */
export async function apiToken(): Promise<string> {
  const made = await fetch(`${BASE}/user/tokens`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      name: `e2e ${Date.now()} ${Math.random()}`,
      scopes: ["read", "run", "write"],
      expires_at: "2099-01-01T00:00:00",
      username: "admin",
      password: PASSWORD,
    }),
  });
  return ((await made.json()) as { token: string }).token;
}

/** Log in as admin without the form, with a language and a theme. */
export async function enter(context: BrowserContext, language = "zh", theme = "light"): Promise<void> {
  const answer = await fetch(`${BASE}/user/login`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ username: "admin", password: PASSWORD }),
  });
  const { token, user_info } = (await answer.json()) as { token: string; user_info: object };
  const page = await context.newPage();
  await page.goto(`${BASE}/console/icon.svg`);
  await page.evaluate(
    ([session, lang, look]) => {
      localStorage.setItem("rounds.session", session as string);
      localStorage.setItem("rounds.language", lang as string);
      localStorage.setItem("rounds.theme", look as string);
    },
    [JSON.stringify({ token, user: user_info }), language, theme],
  );
  await page.close();
}

export interface Seed {
  project: number;
  environment: number;
  module: number;
  case: number;
}

/** A project with one case against the target whose second step fails. */
export async function seed(token: string, name = "Shop"): Promise<Seed> {
  const id = (found: { id: number }) => found.id;
  const project = id(await api("POST", "/catalog/projects", token, { name: `${name} ${Date.now()}` }));
  const environment = id(
    await api("POST", `/catalog/projects/${project}/environments`, token, {
      name: "test",
      base_urls: { default: TARGET },
    }),
  );
  const module = id(await api("POST", `/catalog/projects/${project}/modules`, token, { name }));
  const steps = [
    {
      name: "first",
      type: "request",
      request: { url: "{{base_url}}/one" },
      asserts: [{ query: { type: "status" }, predicate: "==", value: 200 }],
    },
    {
      name: "second",
      type: "request",
      request: { method: "POST", url: "{{base_url}}/two", body: { json: { a: 1 } } },
      asserts: [{ query: { type: "jsonpath", expr: "$.state" }, predicate: "==", value: "refunded" }],
    },
  ];
  const document = { apiVersion: "rounds/v1", kind: "Case", name, steps };
  return {
    project,
    environment,
    module,
    case: id(await api("POST", `/catalog/modules/${module}/cases`, token, { document })),
  };
}

/** Run a case to its end; answers the run's id. */
export async function runOf(token: string, cases: number[]): Promise<string> {
  const { run_id } = await api<{ run_id: string }>("POST", "/runs", token, { case_ids: cases });
  await expect
    .poll(async () => (await api<{ finished_at: string | null }>("GET", `/runs/${run_id}`, token)).finished_at, {
      timeout: 30_000,
    })
    .not.toBeNull();
  return run_id;
}

export const test = base.extend<{ inside: Page }>({
  inside: async ({ context, page }, use) => {
    await enter(context);
    await use(page);
  },
});

export { expect };
