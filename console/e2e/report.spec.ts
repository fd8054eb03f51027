import { execFileSync } from "node:child_process";
import { api, apiToken, BASE, enter, expect, PASSWORD, runOf, seed, sent, settle, TESTER, test } from "./rounds";
import type { Seen } from "./target";

test("4, 21: a report's address leads through the log-in to the failed step with its answer in view", async ({
  page,
}) => {
  const token = await apiToken();
  const made = await seed(token);
  const run = await runOf(token, [made.case]);
  await page.goto(`${BASE}/console/runs/${run}?from=mail`);
  await expect(page).toHaveURL(/login/);
  await page.getByLabel("用户名").fill(TESTER);
  await page.getByLabel("密码", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "登录" }).click();
  await expect(page).toHaveURL(`${BASE}/console/runs/${run}?from=mail`);
  const panel = page.getByRole("region", { name: "second" });
  await expect(panel.getByRole("cell", { name: '"refunded"' })).toBeInViewport();
  await expect(panel.getByRole("cell", { name: '"paid"' })).toBeInViewport();
  const body = panel.getByRole("region", { name: "正文" });
  await expect(body).toContainText("9007199254740993");
  await expect(body).toBeInViewport();
  // And on to that very step in the editor.
  await page.getByRole("link", { name: "打开用例" }).click();
  await expect(page.getByRole("textbox", { name: "步骤名称" })).toHaveValue("second");
});

test("21: a report is readable at 360 px without scrolling sideways", async ({ inside: page }) => {
  const token = await apiToken();
  const made = await seed(token);
  const run = await runOf(token, [made.case]);
  await page.setViewportSize({ width: 360, height: 740 });
  await page.goto(`${BASE}/console/runs/${run}`);
  await expect(page.getByRole("region", { name: "second" })).toBeVisible();
  expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
  await page.getByRole("button", { name: "主导航" }).click();
  await page.getByRole("dialog").getByRole("link", { name: "定时任务" }).click();
  await expect(page).toHaveURL(/\/tasks$/);
  await expect(page.getByRole("dialog")).toHaveCount(0);
});

test("21: the difference names exactly the changed paths, and says why where there is nothing to compare with", async ({
  inside: page,
}) => {
  const token = await apiToken();
  const path = `/state-${Date.now()}`;
  const made = await seed(token, "Diff", path);
  const good = { state: "refunded", fee: 0, kept: [1, 2], gone: true, at: "2026-11-24T10:00:00Z" };
  await settle(path, good);
  const passed = await runOf(token, [made.case]);
  await settle(path, { state: "paid", fee: 1.5, kept: [1, 2], trace: "x", at: "2026-11-24T10:00:00Z" });
  const failed = await runOf(token, [made.case]);
  await page.goto(`${BASE}/console/runs/${failed}`);
  await page.getByRole("tab", { name: "与上次通过的对比" }).click();
  const panel = page.getByRole("tabpanel", { name: "与上次通过的对比" });
  await expect(panel.getByRole("link", { name: /上次通过/ })).toHaveAttribute("href", new RegExp(passed));
  await expect.poll(() => panel.locator("tr td:first-child").allInnerTexts()).toContain("$.state");
  const changed = (await panel.locator("tr td:first-child").allInnerTexts()).filter((one) => one.startsWith("$"));
  expect(changed.sort()).toEqual(["$.fee", "$.gone", "$.state", "$.trace"]);
  const asked = page.waitForRequest((request) => request.url().includes("volatile="));
  await panel.getByRole("button", { name: "忽略 $.trace" }).click();
  expect(new URL((await asked).url()).searchParams.getAll("volatile")).toEqual(["$.trace"]);
  await expect(panel.getByRole("cell", { name: "$.trace", exact: true })).toHaveCount(0);
  await panel.getByRole("button", { name: "移除 $.trace" }).click();
  await expect(panel.getByRole("cell", { name: "$.trace", exact: true })).toBeVisible();

  const never = await seed(token, "Never");
  await page.goto(`${BASE}/console/runs/${await runOf(token, [never.case])}`);
  await page.getByRole("tab", { name: "与上次通过的对比" }).click();
  await expect(page.getByText("从未通过")).toBeVisible();
});

test("22: the copied cURL, run by bash, reaches the target with the same request, and holds no secret", async ({
  context,
  page,
}) => {
  // Plain http of another name than localhost is no secure context: there is no navigator.clipboard.
  const lan = BASE.replace("127.0.0.1", "lan.test");
  const token = await apiToken();
  const session = await enter(context, "zh", "light", undefined, lan);
  expect(session).toBeTruthy();
  const made = await seed(token, "Copy");
  const secret = "s3cret-of-the-environment";
  const environment = await api<{ name: string; base_urls: object }>(
    "GET",
    `/catalog/environments/${made.environment}`,
    token,
  );
  await api("PUT", `/catalog/environments/${made.environment}`, token, {
    name: environment.name,
    base_urls: environment.base_urls,
    secrets: { key: secret },
  });
  const path = `/copied-${Date.now()}`;
  const odd = `it's "quoted" $(id) \`id\` %PATH% ^ \\ !! 中文 ☃\nnext line`;
  const copied = {
    apiVersion: "rounds/v1",
    kind: "Case",
    name: "copied",
    steps: [
      {
        name: "odd",
        type: "request",
        request: {
          method: "PUT",
          url: `{{base_url}}${path}?q=a%20b&x='`,
          headers: { "X-Odd": `a'b"c$d\`e`, Authorization: "Bearer {{key}}", "Content-Type": "text/plain" },
          body: { text: odd },
        },
        asserts: [{ query: { type: "status" }, predicate: "==", value: 500 }],
      },
    ],
  };
  const { id } = await api<{ id: number }>("POST", `/catalog/modules/${made.module}/cases`, token, {
    document: copied,
  });
  const run = await runOf(token, [id]);
  await page.goto(`${lan}/console/runs/${run}`);
  expect(await page.evaluate(() => [window.isSecureContext, Boolean(navigator.clipboard)])).toEqual([false, false]);
  await page.getByRole("button", { name: "复制 cURL" }).click();
  await page.getByRole("menuitem", { name: "bash" }).click();
  await expect(page.getByText("已复制").first()).toBeVisible();
  await page.evaluate(() => {
    const area = document.createElement("textarea");
    area.id = "pasted";
    document.body.append(area);
    area.focus();
  });
  await page.keyboard.press("Control+v");
  const command = await page.locator("#pasted").inputValue();
  expect(command).toContain("$ROUNDS_TOKEN");
  for (const text of [command, await page.content(), page.url()]) expect(text).not.toContain(secret);
  for (const format of ["json", "junit", "ctrf", "html"]) {
    const exported = await fetch(`${BASE}/runs/${run}/export?format=${format}`, {
      headers: { Authorization: `Token ${token}` },
    });
    expect(await exported.text()).not.toContain(secret);
  }
  execFileSync("bash", ["-c", command.replace("ROUNDS_TOKEN='…'", `ROUNDS_TOKEN='${secret}'`)], { stdio: "ignore" });
  const [first, second] = await sent(path);
  const without = (one: Seen | undefined) => ({
    ...one,
    headers: one?.headers
      .filter(([name]) => !/^(user-agent|accept|accept-encoding|connection|host|traceparent)$/i.test(name))
      .map(([name, value]) => `${name.toLowerCase()}: ${value}`)
      .sort(),
  });
  expect(second).toBeTruthy();
  expect(without(second)).toEqual(without(first));
});

test("23: with a 5 MB answer on one line the page answers a click within a second, with less than 3,000 nodes", async ({
  inside: page,
}) => {
  const token = await apiToken();
  const made = await seed(token, "Big", "/big");
  const run = await runOf(token, [made.case]);
  for (const path of [`/runs/${run}`, `/p/${made.project}/cases/${made.case}`]) {
    await page.goto(`${BASE}/console${path}`);
    if (path.startsWith("/p")) {
      await page.getByRole("treeitem", { name: "2 second" }).click();
      await page.getByRole("button", { name: "试运行全部" }).click();
    }
    await expect(page.getByText(/只保留了前面的部分/).first()).toBeVisible({ timeout: 30_000 });
    const took = await page.evaluate(async () => {
      const tab = [...document.querySelectorAll<HTMLElement>("[role=tab]")].find((one) =>
        one.textContent?.startsWith("响应头"),
      );
      const start = performance.now();
      tab?.click();
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
      return tab ? performance.now() - start : Number.POSITIVE_INFINITY;
    });
    expect(took).toBeLessThan(1000);
    expect(await page.evaluate(() => document.querySelectorAll("*").length)).toBeLessThan(3000);
  }
});
