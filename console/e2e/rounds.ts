import { type BrowserContext, test as base, expect, type Locator, type Page, type Request } from "@playwright/test";
import type { Seen } from "./target";

export const BASE = process.env.E2E_BASE as string;
export const TARGET = process.env.E2E_TARGET as string;
/** Do the whole of what is sampled otherwise. */
export const FULL = Boolean(process.env.CONSOLE_FULL);
export const PASSWORD = "correct horse battery";

/** Ask the API. Fails the test on a refusal. */
export async function api<T = Record<string, never>>(
  method: string,
  path: string,
  token: string,
  body?: unknown,
): Promise<T> {
  const headers = { "Content-Type": "application/json", Authorization: `Token ${token}` };
  let answer: Response;
  do {
    answer = await fetch(BASE + path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    // A server that is busy says when to ask again.
    if (answer.status === 503)
      await new Promise((wake) => setTimeout(wake, 1000 * Number(answer.headers.get("retry-after") ?? 1)));
  } while (answer.status === 503);
  const text = await answer.text();
  expect(answer.ok, `${method} ${path}: ${text}`).toBe(true);
  return (text ? JSON.parse(text) : undefined) as T;
}

const worker = process.env.TEST_PARALLEL_INDEX ?? "0";

/** Who this worker's tests are: a superuser that no other worker logs in as. */
export const TESTER = `tester${worker}`;
/** A user without projects. */
export const READER = `reader${worker}`;

let machine: Promise<string> | undefined;

/** A machine's key of this worker's user: it ends no browser's session. */
export function apiToken(): Promise<string> {
  machine ??= (async () => {
    const made = await fetch(`${BASE}/user/tokens`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({
        name: `e2e ${Date.now()} ${Math.random()}`,
        scopes: ["read", "run", "write"],
        expires_at: "2099-01-01T00:00:00",
        username: TESTER,
        password: PASSWORD,
      }),
    });
    const text = await made.text();
    expect(made.ok, text).toBe(true);
    return (JSON.parse(text) as { token: string }).token;
  })();
  return machine;
}

export async function logIn(username = TESTER, base = BASE): Promise<{ token: string; user_info: { id: number } }> {
  const answer = await fetch(`${base}/user/login`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ username, password: PASSWORD }),
  });
  expect(answer.ok).toBe(true);
  return (await answer.json()) as { token: string; user_info: { id: number } };
}

/** Log in without the form, with a language and a theme. Answers the token. */
export async function enter(
  context: BrowserContext,
  language = "zh",
  theme = "light",
  username = TESTER,
  base = BASE,
): Promise<string> {
  const { token, user_info } = await logIn(username, base.replace("lan.test", "127.0.0.1"));
  const page = await context.newPage();
  await page.goto(`${base}/console/icon.svg`);
  await page.evaluate(
    ([session, lang, look]) => {
      localStorage.setItem("rounds.session", session as string);
      localStorage.setItem("rounds.language", lang as string);
      localStorage.setItem("rounds.theme", look as string);
    },
    [JSON.stringify({ token, user: user_info }), language, theme],
  );
  await page.close();
  return token;
}

/** Do something on a page, and wait until it has all that it asked for. */
export async function quiet(page: Page, act: () => Promise<unknown>): Promise<void> {
  const pending = new Set<Request>();
  const begin = (request: Request) => new URL(request.url()).pathname.endsWith("/events") || pending.add(request);
  const end = (request: Request) => pending.delete(request);
  page.on("request", begin).on("requestfinished", end).on("requestfailed", end);
  await act();
  const frames = () =>
    page.evaluate(
      () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done)))),
    );
  await expect
    .poll(
      async () => {
        await frames();
        return pending.size;
      },
      { intervals: [20, 50, 100] },
    )
    .toBe(0);
  page.off("request", begin).off("requestfinished", end).off("requestfailed", end);
}

/** Open a page of the console, and wait until it has its heading and all that it asked for. */
export async function open(page: Page, path: string, base = BASE): Promise<void> {
  await quiet(page, async () => {
    await page.goto(`${base}/console${path}`);
    await page.locator("h1, [role=alert]").first().waitFor();
  });
}

export interface Seed {
  project: number;
  environment: number;
  module: number;
  case: number;
}

/** A project with one case against the target whose second step fails, by asking `path`. */
export async function seed(token: string, name = "Shop", path = "/two"): Promise<Seed> {
  const id = (found: { id: number }) => found.id;
  const project = id(await api("POST", "/catalog/projects", token, { name: `${name} ${Date.now()}.${worker}` }));
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
      request: { method: "POST", url: `{{base_url}}${path}`, body: { json: { a: 1 } } },
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

/** Seed a project, and have its case open in the editor. */
export async function openSeeded(page: Page, name?: string, path?: string): Promise<Seed & { token: string }> {
  const token = await apiToken();
  const made = await seed(token, name, path);
  await open(page, `/p/${made.project}/cases/${made.case}`);
  return { ...made, token };
}

/** Have a cURL in the dialog that turns it into steps. */
export async function pasteCurl(page: Page, curl: string): Promise<Locator> {
  await page.getByRole("button", { name: "+ 步骤" }).click();
  await page.getByRole("menuitem", { name: "粘贴 cURL" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("cURL").fill(curl);
  return dialog;
}

/** Wait until the case in the editor is saved: its heading says as what, for as long as nothing is changed. */
export async function saved(page: Page, revision: number): Promise<void> {
  await expect(page.getByRole("heading", { level: 1 })).toContainText(`版本 ${revision}`);
}

/** A stored case as the API writes it: digits are not read as numbers. */
export async function storedText(token: string, id: number): Promise<string> {
  return (await fetch(`${BASE}/catalog/cases/${id}`, { headers: { Authorization: `Token ${token}` } })).text();
}

/** What the target was sent at a path. */
export async function sent(path: string): Promise<Seen[]> {
  return (await (await fetch(`${TARGET}/_seen${path}`)).json()) as Seen[];
}

/** Settle what the target answers at a path. */
export async function settle(path: string, answer: object): Promise<void> {
  await fetch(`${TARGET}/_answer${path}`, { method: "PUT", body: JSON.stringify(answer) });
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

/** Wait until nothing moves: a menu that still opens loses a click, a dialog that still opens takes the focus. */
export async function still(page: Page): Promise<void> {
  await expect(page.locator("[class*='-appear'], [class*='-enter']")).toHaveCount(0);
}

export const test = base.extend<{ inside: Page }>({
  inside: async ({ context, page }, use) => {
    await enter(context);
    await use(page);
  },
});

export { expect };
