import { readFileSync } from "node:fs";
import {
  api,
  apiToken,
  BASE,
  enter,
  expect,
  FULL,
  logIn,
  open,
  PASSWORD,
  READER,
  runOf,
  seed,
  TESTER,
  test,
} from "./rounds";

test("1: the page speaks the browser's language, keeps the one that was chosen, and stores it for the user", async ({
  browser,
}) => {
  for (const [locale, lang, title] of [
    ["zh-CN", "zh-CN", "登录"],
    ["en-US", "en", "Log in"],
  ] as const) {
    const context = await browser.newContext({ locale });
    const page = await context.newPage();
    await page.goto(`${BASE}/console/login`);
    await expect(page.getByRole("button", { name: title })).toBeVisible();
    await expect(page.locator("html")).toHaveAttribute("lang", lang);
    await context.close();
  }
  const context = await browser.newContext({ locale: "zh-CN" });
  const page = await context.newPage();
  await page.goto(`${BASE}/console/login`);
  await page.getByLabel("用户名").fill(TESTER);
  await page.getByLabel("密码", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "登录" }).click();
  await page.getByRole("button", { name: "语言和主题" }).click();
  const stored = page.waitForResponse((response) => response.url().endsWith("/user/set-user-cfg"));
  await page.getByRole("menuitem", { name: "English" }).click();
  expect((await (await stored).json()) as { language: string }).toMatchObject({ language: "en" });
  await expect(page.locator("html")).toHaveAttribute("lang", "en");
  await page.reload();
  await expect(page.getByRole("link", { name: "Runs", exact: true })).toBeVisible();
  await expect(page.locator("html")).toHaveAttribute("lang", "en");
  await api("POST", "/user/set-user-cfg", (await logIn()).token, { language: "zh" });
  await context.close();
});

test("1: no Chinese in the English page outside what users wrote, and no raw key in either", async ({ browser }) => {
  const token = await apiToken();
  const made = await seed(token, "Words");
  const run = await runOf(token, [made.case]);
  const flat = (tree: object, path = ""): string[] =>
    Object.entries(tree).flatMap(([key, value]) =>
      typeof value === "string" ? [path + key] : flat(value as object, `${path}${key}.`),
    );
  const keys = new Set(flat(JSON.parse(readFileSync(new URL("../src/locales/en.json", import.meta.url), "utf8"))));
  const pages = ["/", `/p/${made.project}/cases`, `/p/${made.project}/cases/${made.case}`, "/tasks"];
  pages.push(`/p/${made.project}/environments`, `/p/${made.project}/settings`, `/tasks/new?cases=${made.case}`);
  pages.push("/runs", `/runs/${run}`, "/projects", "/me", "/me/tokens", "/admin/users", "/admin/deliveries");
  pages.push("/admin/health", "/admin/audit", "/nowhere", "/password");
  const found: string[] = [];
  for (const language of FULL ? ["en", "zh"] : ["en"]) {
    const context = await browser.newContext({ locale: language === "en" ? "en-US" : "zh-CN" });
    await enter(context, language);
    const page = await context.newPage();
    for (const path of pages) {
      await open(page, path);
      const text = await page.evaluate(() => {
        const said = [...document.querySelectorAll("[aria-label], [title], [placeholder]")].flatMap((one) =>
          ["aria-label", "title", "placeholder"].map((name) => one.getAttribute(name) ?? ""),
        );
        // biome-ignore lint/performance/useDomNodeTextContent: what is hidden is not said, and words stand apart
        return [document.title, document.body.innerText, ...said].join("\n");
      });
      for (const word of text.match(/[a-zA-Z]+(\.[a-zA-Z]+)+/g) ?? [])
        if (keys.has(word)) found.push(`${language} ${path}: ${word}`);
      // The target answers one Chinese key, and the switch names languages in themselves.
      const rest = text.replaceAll("中文", "").replaceAll('"值"', "");
      if (language === "en" && /[\u3400-\u9fff]/.test(rest))
        found.push(
          `${path}: ${rest
            .match(/.{0,20}[\u3400-\u9fff]+.{0,20}/g)
            ?.slice(0, 3)
            .join(" | ")}`,
        );
    }
    await context.close();
  }
  expect(found).toEqual([]);
});

test("4: an address of elsewhere is dropped after the log-in", async ({ page }) => {
  for (const next of ["//evil.example/console/", "javascript:alert(1)", "https://evil.example/console/"]) {
    await page.goto(`${BASE}/console/login?next=${encodeURIComponent(next)}`);
    await page.getByLabel("用户名").fill(TESTER);
    await page.getByLabel("密码", { exact: true }).fill(PASSWORD);
    await page.getByRole("button", { name: "登录" }).click();
    await expect(page).toHaveURL(`${BASE}/console/`);
    await page.evaluate(() => localStorage.clear());
  }
});

test("6: a log-out in one tab is one in all others, and drafts are gone", async ({ context, page }) => {
  await enter(context);
  await page.goto(`${BASE}/console/runs`);
  const other = await context.newPage();
  await other.goto(`${BASE}/console/tasks`);
  await expect(other.locator("h1")).toBeVisible();
  await page.getByRole("button", { name: TESTER.replace(/(\d)/, " $1") }).click();
  await page.getByRole("menuitem", { name: "退出登录" }).click();
  for (const tab of [page, other]) await expect(tab).toHaveURL(/\/console\/login/);
  expect(await page.evaluate(() => localStorage.getItem("rounds.session"))).toBeNull();
});

test("17: whoever is no member finds no control that writes, a banner, and 403 from the API", async ({
  context,
  page,
}) => {
  const token = await apiToken();
  const made = await seed(token, "Closed");
  const run = await runOf(token, [made.case]);
  const session = await enter(context, "zh", "light", READER);
  const writes = /新建|保存|删除|停用|重置|重命名|▶|试运行|重跑|立即执行|取消执行|粘贴|还原|添加/;
  for (const [path, banner] of [
    [`/p/${made.project}/cases`, true],
    [`/p/${made.project}/cases/${made.case}`, true],
    [`/p/${made.project}/environments`, true],
    [`/p/${made.project}/settings`, true],
    [`/runs/${run}`, false],
    ["/", false],
    ["/admin/users", false],
  ] as const) {
    await open(page, path);
    const names = await page.locator("#content").getByRole("button").allInnerTexts();
    expect(
      names.filter((name) => writes.test(name)),
      path,
    ).toEqual([]);
    if (banner) await expect(page.getByText("只读：你不是本项目成员").first(), path).toBeVisible();
    const fields = page.locator("#content input:not([readonly]):not([disabled]):not([type=search])");
    if (path.endsWith(`${made.case}`)) await expect(fields.and(page.getByRole("textbox"))).toHaveCount(0);
  }
  const asked = async (method: string, path: string, body?: object) =>
    (
      await fetch(BASE + path, {
        method,
        headers: { "Content-Type": "application/json", Authorization: `Token ${session}` },
        body: body && JSON.stringify(body),
      })
    ).status;
  expect(await asked("DELETE", `/catalog/cases/${made.case}`)).toBe(403);
  expect(await asked("POST", `/catalog/projects/${made.project}/modules`, { name: "x" })).toBe(403);
  expect(await asked("POST", "/runs", { case_ids: [made.case] })).toBe(403);
  expect(await asked("POST", `/runs/${run}/rerun`)).toBe(403);
});

test("who is made without a password gets a random one, shown this once, to be changed at the first login", async ({
  inside: page,
}) => {
  const username = `new${Date.now()}`;
  await open(page, "/admin/users");
  await page.getByRole("button", { name: "新建用户" }).click();
  await page.getByRole("dialog").getByLabel("用户名").fill(username);
  await page.getByRole("button", { name: "创建" }).click();
  const password = await page.getByRole("alert").filter({ hasText: username }).locator("code").textContent();
  const answer = await fetch(`${BASE}/user/login`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ username, password }),
  });
  expect(await answer.json()).toMatchObject({ user_info: { must_change_password: true } });
});

test("a channel is changed without its address being given again", async ({ inside: page }) => {
  const token = await apiToken();
  const { project } = await seed(token, "Channels");
  const made = await api<{ id: number }>("POST", "/notifications/channels", token, {
    project_id: project,
    name: "chat",
    kind: "webhook",
    url: "https://chat.example.test/hook",
  });
  await open(page, `/p/${project}/settings`);
  await page.getByRole("row", { name: "chat" }).getByRole("button", { name: "编辑" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("名称").fill("night chat");
  await dialog.getByRole("button", { name: "保存" }).click();
  await expect(page.getByRole("row", { name: "night chat" })).toContainText("chat.example.test");
  const { data } = await api<{ data: { id: number; name: string }[] }>(
    "GET",
    `/notifications/channels?project_id=${project}`,
    token,
  );
  expect(data.map(({ id, name }) => [id, name])).toEqual([[made.id, "night chat"]]);
});
