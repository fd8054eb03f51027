import { BASE, expect, PASSWORD, test } from "./rounds";

test("from the printed password to the first report in five clicks, on the own origin only", async ({ page }) => {
  const elsewhere: string[] = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(BASE) && !request.url().startsWith("data:")) elsewhere.push(request.url());
  });
  await page.goto(`${BASE}/`);
  await expect(page).toHaveURL(/\/console\/login/);
  await expect(page.getByText("密码见启动日志")).toBeVisible();
  await page.getByLabel("用户名").fill("admin");
  await page.getByLabel("密码", { exact: true }).fill(process.env.E2E_PASSWORD as string);
  await page.getByRole("button", { name: "登录" }).click();

  await expect(page).toHaveURL(/\/console\/password/);
  await page.goto(`${BASE}/console/tasks`);
  await expect(page).toHaveURL(/\/console\/password/);
  await page.getByLabel("旧密码").fill(process.env.E2E_PASSWORD as string);
  await page.getByLabel("新密码").fill(PASSWORD);
  await page.getByLabel("再输一次").fill(PASSWORD);
  await page.getByRole("button", { name: "保存并继续" }).click();

  await page.getByRole("button", { name: "载入示例项目" }).click();
  await page.getByText("示例已就绪").locator("..").getByRole("button", { name: "运行" }).click();
  await page.getByRole("menuitem", { name: " · " }).first().click();
  await expect(page).toHaveURL(/\/console\/runs\//);
  await expect(page.getByRole("button", { name: "重跑失败" })).toBeVisible({ timeout: 30_000 });
  await expect(page.getByText("首个失败")).toBeVisible();
  expect(elsewhere).toEqual([]);
});

test("an address of elsewhere is dropped after the log-in", async ({ page }) => {
  for (const next of ["//evil.example/console/", "javascript:alert(1)", "https://evil.example/console/"]) {
    await page.goto(`${BASE}/console/login?next=${encodeURIComponent(next)}`);
    await page.getByLabel("用户名").fill("admin");
    await page.getByLabel("密码", { exact: true }).fill(PASSWORD);
    await page.getByRole("button", { name: "登录" }).click();
    await expect(page).toHaveURL(`${BASE}/console/`);
    await page.evaluate(() => localStorage.clear());
  }
});
