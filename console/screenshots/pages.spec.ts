import { mkdirSync } from "node:fs";
import type { Browser, Page } from "@playwright/test";
import { api, apiToken, enter, logIn, open, quiet, READER, settle, TESTER, test } from "../e2e/rounds";
import { type Filled, fill } from "./fill";

const SIZES = [
  [380, 780],
  [1366, 768],
  [1920, 1080],
] as const;
/** LOOKS=zh-light,en-dark takes only these. */
const LOOKS = (process.env.LOOKS ?? "zh-light,zh-dark,en-light,en-dark").split(",").map((look) => look.split("-"));
const folder = new URL("../../build/screenshots/", import.meta.url).pathname;

type Act = (page: Page) => Promise<unknown>;
/** A page by its address, with what is done on it before it is looked at, and what anew at each size. */
type Shot = [name: string, path: string, act?: Act, then?: Act];

let made: Filled | undefined;
const filled = async () => {
  made ??= await fill(await apiToken(), (await logIn(TESTER)).user_info.id);
  return made;
};

test.beforeAll(() => {
  mkdirSync(folder, { recursive: true });
});

/** Each page in each look and size. */
async function shoot(browser: Browser, state: string, shots: Shot[], user: string | null = TESTER): Promise<void> {
  for (const [language = "zh", theme = "light"] of LOOKS) {
    const context = await browser.newContext({
      locale: language === "en" ? "en-US" : "zh-CN",
      timezoneId: "Asia/Shanghai",
      colorScheme: theme === "dark" ? "dark" : "light",
    });
    if (user) await enter(context, language, theme, user);
    for (const [name, path, act, then] of shots) {
      const page = await context.newPage();
      if (state === "error") await refuse(page, language === "en" ? "Internal error" : "内部错误");
      await page.setViewportSize({ width: 1366, height: 768 });
      await open(page, path);
      await act?.(page);
      for (const [width, height] of SIZES) {
        await page.setViewportSize({ width, height });
        await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
        if (then) await then(page);
        else await page.evaluate(() => window.scrollTo(0, 0));
        await page.screenshot({
          path: `${folder}${name}-${state}-${language}-${theme}-${width}.png`,
          animations: "disabled",
          fullPage: !then,
        });
      }
      await page.close();
    }
    await context.close();
  }
}

/** As if the platform were at fault: every call is refused but those of the frame around the page. */
async function refuse(page: Page, msg: string): Promise<void> {
  await page.route(
    ({ pathname }) => !/^\/(console\/|user\/(?!audit|user-view|tokens)|catalog\/projects$)/.test(pathname),
    (route) => route.fulfill({ status: 500, json: { code: "internal_error", msg } }),
  );
}

const press = (page: Page, name: RegExp) => page.getByRole("button", { name }).first().click();
const dialog = (page: Page) => page.getByRole("dialog").first();
const tab = (name: RegExp) => (page: Page) => quiet(page, () => page.getByRole("tab", { name }).first().click());
const opened = (name: RegExp) => (page: Page) =>
  quiet(page, async () => {
    await press(page, name);
    await dialog(page).waitFor();
  });

async function tried(page: Page): Promise<void> {
  await page.getByRole("treeitem").nth(1).click();
  await press(page, /^(试运行全部|Try all)$/);
  await page.locator(".answer .cm-line").first().waitFor();
}

/** Pages whose address is the same whatever there is. */
const OF_NO_PROJECT: Shot[] = [
  ["me", "/me"],
  ["tokens", "/me/tokens"],
  ["users", "/admin/users"],
  ["deliveries", "/admin/deliveries"],
  ["health", "/admin/health"],
  ["audit", "/admin/audit"],
];

test("empty", async ({ browser }) => {
  const token = await apiToken();
  const { id } = await api<{ id: number }>("POST", "/catalog/projects", token, { name: "新项目" });
  const shots: Shot[] = [
    ["home", "/"],
    ["cases", `/p/${id}/cases`],
    ["environments", `/p/${id}/environments`],
    ["import", `/p/${id}/import`],
    ["settings", `/p/${id}/settings`],
    ["case", `/p/${id}/cases/new`],
    ["tasks", "/tasks"],
    ["task-form", "/tasks/new"],
    ["runs", "/runs"],
    ["deliveries", "/admin/deliveries"],
    ["health", "/admin/health"],
  ];
  await shoot(browser, "empty", shots);
  await shoot(browser, "empty", [["home-reader", "/"], ["tokens", "/me/tokens"]], READER);
}); // biome-ignore format: a table of pages

test("filled", async ({ browser }) => {
  const { project, task, over, run, live, refund, all } = await filled();
  const editor = `/p/${project}/cases/${refund}`;
  await shoot(browser, "filled", [
    ["home", "/"],
    ["projects", "/projects"],
    ["cases", `/p/${project}/cases`],
    ["editor", editor, tried],
    ["editor-data", editor, tab(/^(设置|Settings)$/)],
    ["editor-yaml", editor, tab(/YAML/)],
    ["editor-revisions", editor, tab(/版本|Revisions/)],
    ["editor-history", editor, tab(/历史|History/)],
    ["environments", `/p/${project}/environments`],
    ["settings", `/p/${project}/settings`],
    ["import", `/p/${project}/import`, async (page) => {
      await page.getByRole("textbox").fill("curl https://shop.test/orders -H 'Authorization: Bearer sk-live-0123456789' -k");
      await page.getByText(/^(预览|Preview)/).waitFor();
    }],
    ["tasks", "/tasks"],
    ["task-form", `/tasks/new?cases=${all.join(",")}`],
    ["task-form-once", `/tasks/new?cases=${all[0]}`, (page) => page.getByText(/^(一次|Once)$/).click()],
    ["task-form-cron", `/tasks/new?cases=${all[0]}`, async (page) => {
      await page.getByText(/^Cron (表达式|expression)$/).click();
      await page.getByRole("textbox", { name: /^Cron/ }).fill("0 0 9 * * ?");
      await page.getByRole("complementary").getByRole("alert").waitFor();
    }],
    ["task-edit", `/tasks/${task}/edit`],
    ["task", `/tasks/${task}`],
    ["task-runs", `/tasks/${task}`, tab(/^(执行|Runs)$/)],
    ["task-cancelled", `/tasks/${over}`],
    ["runs", "/runs"],
    ["run-live", `/runs/${live}`],
    ["report", `/runs/${run}`],
    ["report-passed", `/runs/${run}/cases/${all[0]}`],
    ["diff", `/runs/${run}`, async (page) => {
      await tab(/与上次通过|last pass/)(page);
      await press(page, /^(按文本对比|Compare as text)$/);
      await page.locator(".cm-mergeView, .cm-changedLine").first().waitFor();
    }],
    ...OF_NO_PROJECT,
    ["password", "/password"],
  ]);
}); // biome-ignore format: a table of pages

test("dialogs", async ({ browser }) => {
  const { project, refund, all } = await filled();
  const editor = `/p/${project}/cases/${refund}`;
  await shoot(browser, "dialog", [
    ["search", "/", async (page) => {
      await page.keyboard.press("Control+k");
      await dialog(page).getByRole("combobox").fill("支付");
      await page.getByRole("option").first().waitFor();
    }],
    ["bulk", `/p/${project}/cases`, async (page) => {
      await page.getByRole("checkbox").nth(1).check();
      await page.getByRole("checkbox").nth(2).check();
    }],
    ["curl", editor, async (page) => {
      await press(page, /^\+ (步骤|Step)/);
      await page.getByRole("menuitem", { name: /粘贴 cURL|Paste cURL/ }).click();
      await dialog(page).getByLabel("cURL").fill("curl https://shop.test/orders -k -d '{\"a\":1}'");
      await dialog(page).getByText(/verify_tls|TLS/).first().waitFor();
    }],
    ["pick", editor, tried, async (page) => {
      await page.locator(".answer .cm-line", { hasText: "state" }).click({ position: { x: 80, y: 6 } });
      await page.locator(".pick-menu").waitFor();
    }],
    ["environment", `/p/${project}/environments`, opened(/测试/)],
    ["channel", `/p/${project}/settings`, opened(/新建渠道|New channel/)],
    ["case-picker", `/tasks/new?cases=${all[0]}`, opened(/选择用例|Choose cases/)],
    ["user", "/admin/users", opened(/新建用户|New user/)],
    ["token", "/me/tokens", opened(/新建 Token|New token/)],
    ["mail", "/admin/deliveries", opened(/^(查看|Show)$/)],
    ["project", "/projects", opened(/新建项目|New project/)],
  ]);
}); // biome-ignore format: a table of pages

test("error", async ({ browser }) => {
  const { project, task, run, refund } = await filled();
  const paths: Shot[] = [
    ["home", "/"],
    ["cases", `/p/${project}/cases`],
    ["editor", `/p/${project}/cases/${refund}`],
    ["environments", `/p/${project}/environments`],
    ["settings", `/p/${project}/settings`],
    ["import", `/p/${project}/import`],
    ["tasks", "/tasks"],
    ["task-form", "/tasks/new"],
    ["task", `/tasks/${task}`],
    ["runs", "/runs"],
    ["report", `/runs/${run}`],
    ...OF_NO_PROJECT,
    ["no-page", "/nowhere"],
  ];
  await shoot(browser, "error", paths);
  await shoot(browser, "missing", [
    ["report", "/runs/0198e0c2-0000-7000-8000-000000000000"],
    ["task", "/tasks/999999"],
    ["editor", `/p/${project}/cases/999999`],
    ["project", "/p/999999/cases"],
  ]);
  await shoot(browser, "refused", [
    ["task-form", "/tasks/new", (page) => press(page, /^(保存|Save)$/)],
  ]);
}); // biome-ignore format: a table of pages

test("who only reads", async ({ browser }) => {
  const { project, task, run, refund } = await filled();
  await shoot(browser, "reader", [
    ["cases", `/p/${project}/cases`],
    ["editor", `/p/${project}/cases/${refund}`],
    ["environments", `/p/${project}/environments`],
    ["settings", `/p/${project}/settings`],
    ["task", `/tasks/${task}`],
    ["report", `/runs/${run}`],
    ["users", "/admin/users"],
  ], READER);
}); // biome-ignore format: a table of pages

test("the log-in", async ({ browser }) => {
  await shoot(browser, "out", [
    ["login", "/login"],
    ["login-refused", "/login", async (page) => {
      await page.getByRole("textbox").first().fill("nobody");
      await page.locator("input[type=password]").fill("wrong");
      await press(page, /^(登录|Log in)$/);
      await page.getByRole("alert").waitFor();
    }],
  ], null);
  // The run that stood still may end.
  await settle("/gate-transfer", {});
}); // biome-ignore format: a table of pages
