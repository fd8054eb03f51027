import { apiToken, BASE, expect, PASSWORD, runOf, seed, test } from "./rounds";

test("a report's address leads through the log-in to the failed step with its answer in view", async ({ page }) => {
  const token = await apiToken();
  const made = await seed(token);
  const run = await runOf(token, [made.case]);
  await page.goto(`${BASE}/console/runs/${run}?from=mail`);
  await expect(page).toHaveURL(/login/);
  await page.getByLabel("用户名").fill("admin");
  await page.getByLabel("密码", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "登录" }).click();
  await expect(page).toHaveURL(`${BASE}/console/runs/${run}?from=mail`);
  const panel = page.getByRole("region", { name: "second" });
  await expect(panel.getByRole("cell", { name: '"refunded"' })).toBeInViewport();
  await expect(panel.getByRole("cell", { name: '"paid"' })).toBeInViewport();
  const body = panel.getByRole("region", { name: "正文" });
  await expect(body).toContainText("9007199254740993");
  await expect(body).toBeInViewport();
});

test("a report is readable on a telephone without scrolling sideways", async ({ inside: page }) => {
  const token = await apiToken();
  const made = await seed(token);
  const run = await runOf(token, [made.case]);
  await page.setViewportSize({ width: 360, height: 740 });
  await page.goto(`${BASE}/console/runs/${run}`);
  await expect(page.getByRole("region", { name: "second" })).toBeVisible();
  expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
});

test("a run is followed live to its end, and a finished one opens no stream", async ({ inside: page }) => {
  const streams: string[] = [];
  page.on("request", (request) => {
    if (request.url().endsWith("/events")) streams.push(request.url());
  });
  const token = await apiToken();
  const made = await seed(token);
  await page.goto(`${BASE}/console/p/${made.project}/cases/${made.case}`);
  await page.getByRole("button", { name: "▶ 运行" }).click();
  await page.getByRole("menuitem", { name: " · " }).first().click();
  await expect(page).toHaveURL(/\/runs\//);
  await expect(page.getByRole("button", { name: "重跑失败" })).toBeVisible({ timeout: 30_000 });
  const before = streams.length;
  await page.reload();
  await expect(page.getByRole("button", { name: "重跑失败" })).toBeVisible();
  expect(streams.length).toBe(before);
});
