import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { api, apiToken, BASE, enter, expect, FULL, open, runOf, type Seed, seed, test } from "./rounds";

let made: Seed;
let empty: number;
let run: string;
let task: number;

test.beforeAll(async () => {
  const token = await apiToken();
  made = await seed(token, "Access");
  empty = (await api<{ id: number }>("POST", "/catalog/projects", token, { name: `Empty ${Date.now()}` })).id;
  run = await runOf(token, [made.case]);
  task = (
    await api<{ task_id: number }>("POST", "/api-data/schedule-api-cases", token, {
      case_ids: [made.case],
      parallel: 0,
      owner_ids: [1],
      startTime: "2099-01-01T00:00:00",
      cron: "0 9 * * 1-5",
    })
  ).task_id;
});

const filled = () => [
  "/",
  `/p/${made.project}/cases`,
  `/p/${made.project}/cases/${made.case}`,
  `/p/${made.project}/environments`,
  `/p/${made.project}/settings`,
  "/tasks",
  `/tasks/${task}`,
  `/tasks/${task}/edit`,
  `/tasks/new?cases=${made.case}`,
  "/runs",
  `/runs/${run}`,
  "/projects",
  "/me",
  "/me/tokens",
  "/admin/users",
  "/admin/deliveries",
  "/admin/health",
  "/admin/audit",
  "/password",
];
const bare = () => [
  `/p/${empty}/cases`,
  `/p/${empty}/cases/new`,
  `/p/${empty}/environments`,
  "/tasks/new",
  "/runs?q=nothing&status=cancelled&from=2020-01-01&to=2020-01-02",
  "/tasks?q=nothing-like-it",
];
const wrong = ["/nowhere", "/runs/0198e0c2-0000-7000-8000-000000000000", "/p/999999/cases", "/tasks/999999"];
/** What opens a dialog: a page, and the button. */
const dialogs = (): [string, RegExp][] => [
  [`/p/${made.project}/cases`, /新建模块|New module/],
  [`/tasks/new?cases=${made.case}`, /选择用例|Choose cases/],
  ["/admin/users", /新建用户|New user/],
  ["/projects", /新建项目|New project/],
  ["/me/tokens", /新建 Token|New token/],
];

/** What hinders people within a part of the page; the frame around it is the same everywhere. */
async function barriers(page: Page, what: string, wanted = "#content"): Promise<string[]> {
  const part = (await page.locator(wanted).count()) ? wanted : "html";
  const { violations } = await new AxeBuilder({ page })
    .include(part)
    .withTags(["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"])
    .setLegacyMode() // else it opens a page of its own each time, for frames that there are none of
    .analyze();
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(
      ({ id, nodes }) =>
        `${what} ${id} ${nodes
          .map(({ html }) => html.slice(0, 160))
          .slice(0, 3)
          .join(" | ")}`,
    );
}

const looks = [
  ["zh", "light"],
  ["en", "dark"],
  ["zh", "dark"],
  ["en", "light"],
] as const;

// Each page in each language and each theme; all four pairs with CONSOLE_FULL.
for (const [language, theme] of FULL ? looks : looks.slice(0, 2)) {
  test(`24: no serious barrier on any page, filled, empty, at fault or with a dialog: ${language}, ${theme}`, async ({
    context,
    page,
  }) => {
    test.setTimeout(240_000);
    await enter(context, language, theme);
    const found: string[] = [];
    for (const path of [...filled(), ...bare(), ...wrong]) {
      await open(page, path);
      const whole = path === "/" || path === "/password";
      found.push(...(await barriers(page, path, whole ? "html" : "#content")));
    }
    for (const [path, button] of dialogs()) {
      await open(page, path);
      await page.getByRole("button", { name: button }).first().click();
      const dialog = page.getByRole("dialog");
      await expect(dialog).toBeVisible();
      // What still moves is judged by its passing colours.
      await dialog.evaluate((one) =>
        Promise.allSettled(one.getAnimations({ subtree: true }).map(({ finished }) => finished)),
      );
      found.push(...(await barriers(page, `${path} dialog`, "[role=dialog]")));
    }
    await page.evaluate(() => localStorage.removeItem("rounds.session"));
    await open(page, "/login");
    found.push(...(await barriers(page, "/login", "html")));
    expect(found).toEqual([]);
  });
}

test("25: at 200 % and with less motion every page is usable, and statuses are told by icon and word", async ({
  browser,
}) => {
  const context = await browser.newContext({
    viewport: { width: 683, height: 384 },
    deviceScaleFactor: 2,
    reducedMotion: "reduce",
    locale: "zh-CN",
  });
  await enter(context);
  const page = await context.newPage();
  const wide: string[] = [];
  for (const path of filled()) {
    await open(page, path);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    if (over > 0) wide.push(`${path} ${over}`);
    const moving = await page.evaluate(
      () =>
        document
          .getAnimations()
          .filter(
            (one) => one.playState === "running" && one.effect?.getTiming().iterations === Number.POSITIVE_INFINITY,
          ).length,
    );
    if (moving) wide.push(`${path} ${moving} things move`);
  }
  expect(wide).toEqual([]);
  await open(page, `/runs/${run}`);
  const told = await page
    .locator(".status")
    .evaluateAll((all) => all.map((one) => [one.textContent?.trim() ?? "", one.querySelector("svg")?.innerHTML ?? ""]));
  expect(told.length).toBeGreaterThan(2);
  const shapes = new Map<string, string>();
  for (const [word, shape] of told as [string, string][]) {
    expect(word).not.toBe("");
    shapes.set(word.replace(/\s*\d+$/, ""), shape);
  }
  expect(new Set(shapes.values()).size).toBe(shapes.size);
  await context.close();
});

test("26: the pages fetch within their budgets, nothing off the origin, no web font, no editor on lists", async ({
  browser,
}) => {
  const KB = 1024;
  for (const [path, budget, files] of [
    ["/login", 320, 22],
    ["/", 420, 99],
    [`/p/${made.project}/cases`, 420, 99],
    ["/tasks", 420, 99],
    ["/runs", 420, 99],
    [`/p/${made.project}/cases/${made.case}`, 480 + 120, 99],
    [`/runs/${run}`, 420, 99],
  ] as const) {
    const context = await browser.newContext({ locale: "zh-CN" });
    if (path !== "/login") await enter(context);
    const page = await context.newPage();
    const elsewhere: string[] = [];
    page.on("request", (request) => {
      if (!/^(data|blob):/.test(request.url()) && new URL(request.url()).origin !== BASE) elsewhere.push(request.url());
    });
    await open(page, path);
    const fetched = await page.evaluate(() =>
      (performance.getEntriesByType("resource") as PerformanceResourceTiming[])
        .filter(({ name }) => /\.(js|css|woff2?)$/.test(name))
        .map(({ name, encodedBodySize }) => [name, encodedBodySize] as const),
    );
    const total = fetched.reduce((sum, [, size]) => sum + size, 0);
    expect(total, path).toBeGreaterThan(0);
    expect(total / KB, path).toBeLessThanOrEqual(budget);
    expect(fetched.length, path).toBeLessThanOrEqual(files);
    expect(fetched.filter(([name]) => name.includes("woff"))).toEqual([]);
    if (!path.includes(`cases/${made.case}`))
      expect(fetched.filter(([name]) => /CodeEditor|codeTheme/.test(name))).toEqual([]);
    expect(elsewhere).toEqual([]);
    await context.close();
  }
});

/** What the frame asks for some seconds later, when the page has long been there. */
const FRAME = new Set(["/scheduler/status", "/runs/workers", "/user/platform"]);

test("27: pages ask the API as rarely as agreed, and a hidden tab asks nothing", async ({ context }) => {
  await enter(context);
  const over: string[] = [];
  for (const [path, most] of [
    ["/", 6],
    [`/p/${made.project}/cases`, 4],
    [`/p/${made.project}/cases/${made.case}`, 5],
    ["/tasks", 3],
    [`/runs/${run}`, 4],
  ] as const) {
    const page = await context.newPage();
    const calls: string[] = [];
    page.on("request", (request) => {
      const { pathname, origin } = new URL(request.url());
      if (origin === BASE && !pathname.startsWith("/console/")) calls.push(pathname);
    });
    await page.clock.install();
    await open(page, path);
    const own = calls.filter((call) => !FRAME.has(call) && !call.endsWith("/events"));
    if (own.length > most) over.push(`${path}: ${own.length} of ${most}: ${own.join(" ")}`);
    await page.clock.runFor(5000);
    await expect.poll(() => calls.includes("/scheduler/status")).toBe(true);
    await page.evaluate(() => {
      Object.defineProperty(document, "hidden", { get: () => true });
      Object.defineProperty(document, "visibilityState", { get: () => "hidden" });
      document.dispatchEvent(new Event("visibilitychange"));
    });
    const before = calls.length;
    await page.clock.runFor(60_000);
    if (calls.length > before) over.push(`${path} hidden: ${calls.slice(before).join(" ")}`);
    await page.close();
  }
  expect(over).toEqual([]);
});

test("29: every answer of the console carries the policy, and index.html has no script of its own", async () => {
  const page = await fetch(`${BASE}/console/runs/1`);
  const html = await page.text();
  const asset = /src="(\/console\/assets\/[^"]+\.js)"/.exec(html)?.[1];
  for (const path of ["/console/", "/console/runs/1", asset as string]) {
    const { headers } = await fetch(BASE + path);
    expect(headers.get("content-security-policy")).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; " +
        "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    );
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("referrer-policy")).toBe("same-origin");
  }
  expect(html).not.toMatch(/<script(?![^>]*src=)/);
});

test("31: a 503 is counted down and asked again once", async ({ inside: page }) => {
  for (const status of [503, 429]) {
    let asked = 0;
    await page.route("**/runs?*", async (route) => {
      asked++;
      if (asked > 1) return route.continue();
      await route.fulfill({
        status,
        headers: { "Retry-After": "2", "Content-Type": "application/json" },
        body: JSON.stringify({ code: "dependency_unavailable", msg: "依赖服务暂不可用，请稍后重试" }),
      });
    });
    await page.goto(`${BASE}/console/runs`);
    await expect(page.getByText(/[12] 秒后重试/)).toBeVisible();
    await expect(page.getByRole("table")).toBeVisible();
    expect(asked).toBe(2);
    await page.unroute("**/runs?*");
  }
});
