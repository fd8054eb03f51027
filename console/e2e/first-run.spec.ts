import { enter, expect, PASSWORD, test } from "./rounds";
import { type Platform, startPlatform, stopPlatform } from "./server";

let own: Platform;

test.describe.configure({ mode: "serial" });
test.beforeAll(async () => {
  own = await startPlatform();
});
test.afterAll(() => stopPlatform(own));

test("2, 3: from the printed password through its change to the first report in five clicks, on the own origin only", async ({
  page,
}) => {
  const base = own.base;
  const elsewhere: string[] = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(base) && !request.url().startsWith("data:")) elsewhere.push(request.url());
  });
  let clicks = 0;
  const click = async (target: { click: () => Promise<void> }) => {
    clicks++;
    await target.click();
  };
  await page.goto(`${base}/`);
  await expect(page).toHaveURL(/\/console\/login/);
  await expect(page.getByText("密码见启动日志")).toBeVisible();
  await page.getByLabel("用户名").fill("admin");
  await page.getByLabel("密码", { exact: true }).fill(own.password);
  await click(page.getByRole("button", { name: "登录" }));

  await expect(page).toHaveURL(/\/console\/password/);
  for (const path of ["tasks", "", "runs", "projects", "p/1/cases", "admin/users", "me", "?from=mail"]) {
    await page.goto(`${base}/console/${path}`);
    await expect(page).toHaveURL(/\/console\/password/);
  }
  const refused = await page.evaluate(async () => {
    const { token } = JSON.parse(localStorage.getItem("rounds.session") ?? "{}") as { token: string };
    const paths = ["/catalog/projects", "/runs", "/scheduler/tasks", "/user/user-view", "/notifications/deliveries"];
    const answers = await Promise.all(
      paths.map((path) => fetch(path, { headers: { Authorization: `Token ${token}` } })),
    );
    return answers.map(({ status }) => status);
  });
  expect(refused).toEqual([403, 403, 403, 403, 403]);
  await page.getByLabel("旧密码").fill(own.password);
  await page.getByLabel("新密码", { exact: true }).fill(PASSWORD);
  await page.getByLabel("确认新密码").fill(PASSWORD);
  await click(page.getByRole("button", { name: "保存并继续" }));
  // Whoever came by a link goes on to where it led.
  await expect(page).toHaveURL(`${base}/console/?from=mail`);

  await click(page.getByRole("button", { name: "载入示例项目" }));
  await click(page.getByText("示例已就绪").locator("..").getByRole("button", { name: "执行" }));
  await click(page.getByRole("menuitem", { name: " · " }).first());
  await expect(page).toHaveURL(/\/console\/runs\//);
  await expect(page.getByRole("button", { name: "重跑失败用例" })).toBeVisible({ timeout: 30_000 });
  await expect(page.getByText("首个失败")).toBeVisible();
  expect(clicks).toBeLessThanOrEqual(5);
  await page.goto(`${base}/console/projects`);
  await expect(page.getByRole("columnheader", { name: "通过率（7 天）" })).toBeVisible();
  await expect(page.getByRole("cell", { name: "0%", exact: true })).toBeVisible();
  // Of the three cases the one that failed is found again.
  await page.getByRole("table").getByRole("link").first().click();
  await expect(page.getByRole("row")).toHaveCount(4);
  await page.getByRole("combobox", { name: "最近结果" }).click();
  await page.getByTitle("失败", { exact: true }).click();
  await expect(page).toHaveURL(/status=failed/);
  await expect(page.getByRole("row")).toHaveCount(2);
  await expect(page.getByRole("row").last()).toContainText("失败");
  expect(elsewhere).toEqual([]);
});

test("31: while the API is down the page says so and keeps the draft, and it recovers by itself", async ({
  context,
  page,
}) => {
  await enter(context, "zh", "light", "admin", own.base);
  await page.goto(`${own.base}/console/`);
  const other = await context.newPage();
  await other.goto(`${own.base}/console/`);
  await expect(other.getByRole("link", { name: "执行", exact: true })).toBeVisible();
  await page.getByRole("link", { name: "用例", exact: true }).click();
  await page.getByRole("link", { name: "新建用例" }).first().click();
  await page.getByLabel("用例名称").fill("kept through the night");
  await stopPlatform(own, true);
  await page.getByRole("button", { name: "保存" }).click();
  await expect(page.getByText("服务器没有响应").first()).toBeVisible();
  await expect(page.getByLabel("用例名称")).toHaveValue("kept through the night");
  // A page whose code is not here yet.
  await other.getByRole("link", { name: "执行", exact: true }).click();
  await expect(other.getByText("服务器没有响应").first()).toBeVisible();
  own = await startPlatform(own.data, Number(new URL(own.base).port));
  await expect(other.getByRole("table")).toBeVisible();
  await expect(other.getByText("服务器没有响应")).toHaveCount(0);
  await page.getByRole("button", { name: "保存" }).click();
  await expect(page.getByText("已保存为版本 1")).toBeVisible();
});
