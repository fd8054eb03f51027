import { api, apiToken, BASE, enter, expect, FULL, seed, settle, TARGET, test } from "./rounds";
import { sql } from "./sql";

const CRONS = [
  "0 9 * * *", "0 9 * * 1-5", "*/10 * * * *", "30 2 * * *", "30 1 * * *", "0 0 1 * *", "0 0 31 * *", "15 14 29 2 *",
  "30 2 14 3 *", "30 2 28 3 *", "30 1 7 11 *", "30 2 31 10 *", "0 2 * 3 0", "0 1 * 11 0", "*/30 1-3 14 3 *",
  "*/20 0-2 7 11 *", "5 4 * * 0", "0 22 * * 6,0", "0 0 * * 1", "59 23 31 12 *", "0 */6 * * *", "1,31 8-18 * * 1-5",
  "0 9 1-7 * 1", "0 12 * 1,7 *", "45 6 15 * *", "0 3 * * *", "0 2 * * *", "10-20/5 5 * * *", "0 0 29 2 *", "30 23 * * 5",
]; // biome-ignore format: a table of crons
const ZONES = ["Asia/Shanghai", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe"];

interface Next {
  times: { at: string; local: string; dst: string | null }[];
}

test("15: the preview's five times equal those of the task after saving, over both changes of the clocks", async ({
  inside: page,
}) => {
  test.setTimeout(600_000);
  const token = await apiToken();
  const made = await seed(token);
  await page.goto(`${BASE}/console/tasks/new?cases=${made.case}`);
  await page.getByText("Cron 表达式", { exact: true }).click();
  const rows = page.getByRole("complementary", { name: "接下来的执行" }).getByRole("row");
  const pairs = CRONS.flatMap((cron, at) =>
    (FULL ? ZONES : at % 3 ? [] : [ZONES[(at / 3) % 4] as string]).map((zone) => [zone, cron] as const),
  ).sort();
  let zoneShown = "";
  let changes = 0;
  for (const [zone, cron] of pairs) {
    if (zone !== zoneShown) {
      await page.getByRole("combobox", { name: "时区" }).fill(zone);
      await page.locator(".ant-select-item-option", { hasText: zone }).first().click();
      zoneShown = zone;
    }
    const answered = page.waitForResponse(
      (response) =>
        response.url().endsWith("/scheduler/preview") &&
        (response.request().postDataJSON() as { cron: string }).cron === cron,
    );
    await page.getByRole("textbox", { name: "Cron 表达式" }).fill(cron);
    await answered;
    const task = await api<{ task_id: number }>("POST", "/api-data/schedule-api-cases", token, {
      case_ids: [made.case],
      parallel: 0,
      owner_ids: [1],
      startTime: new Date(Date.now() + 3000).toISOString().slice(0, 19).concat("Z"),
      cron,
      timezone: zone,
    });
    const next = await api<Next>("GET", `/scheduler/tasks/${task.task_id}/next?count=5`, token);
    changes += next.times.filter(({ dst }) => dst).length;
    const wanted = next.times.map(({ local }) => {
      const day = local.slice(0, 10);
      const weekday = "日一二三四五六"[new Date(`${day}T00:00:00Z`).getUTCDay()];
      return `${day} 周${weekday} ${local.slice(11, 16)} ${local.slice(19)}`;
    });
    for (const [at, time] of wanted.entries()) await expect(rows.nth(at + 1), `${cron} ${zone}`).toContainText(time);
    await api("POST", "/api-data/cancel-scheduled-task", token, { task_id: task.task_id });
  }
  if (FULL) expect(changes).toBeGreaterThan(3);
});

test("15: a preset saved by the form keeps the previewed times, and a change of the clocks is said at its row", async ({
  inside: page,
}) => {
  const made = await seed(await apiToken());
  await page.goto(`${BASE}/console/tasks/new?cases=${made.case}`);
  const cells = page.locator(".grid tbody tr td:first-child");
  const preview = page.getByRole("complementary", { name: "接下来的执行" });
  await expect(preview.getByRole("row")).toHaveCount(6);
  const shown = await preview.locator("tbody tr td:first-child").allInnerTexts();
  await page.getByRole("button", { name: "保存", exact: true }).click();
  await expect(page).toHaveURL(/\/tasks\/\d+$/);
  await expect(cells.first()).toBeVisible();
  await expect.poll(async () => (await cells.allInnerTexts()).join("\n")).toContain(shown.join("\n"));

  await page.goto(`${BASE}/console/tasks/new?cases=${made.case}`);
  await page.getByText("Cron 表达式", { exact: true }).click();
  await page.getByRole("combobox", { name: "时区" }).fill("America/New_York");
  await page.locator(".ant-select-item-option", { hasText: "America/New_York" }).first().click();
  await page.getByRole("textbox", { name: "Cron 表达式" }).fill("30 2 14 3 *");
  await expect(preview.getByText("不存在，顺延")).toBeVisible();
});

test("15: an invalid cron is told in place of the times and keeps the page alive; six fields are mended by one click", async ({
  inside: page,
}) => {
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  const made = await seed(await apiToken());
  await page.goto(`${BASE}/console/tasks/new?cases=${made.case}`);
  await page.getByText("Cron 表达式", { exact: true }).click();
  const field = page.getByRole("textbox", { name: "Cron 表达式" });
  const preview = page.getByRole("complementary", { name: "接下来的执行" });
  for (const wrong of ["", "*", "99 * * * *", "a b c d e", "0 9 * * 8", "*/0 * * * *", "🙂 * * * *"]) {
    await field.fill(wrong);
    await expect(preview.getByRole("alert"), wrong).toBeVisible();
    await expect(preview.getByRole("row"), wrong).toHaveCount(0);
    await expect(field, wrong).toHaveAttribute("aria-invalid", "true");
    await expect(page.getByRole("button", { name: "保存", exact: true })).toBeEnabled();
  }
  await field.fill("0 30 8 * * ?");
  await page.getByRole("button", { name: /去掉秒字段/ }).click();
  await expect(field).toHaveValue("30 8 * * *");
  await expect(preview.getByRole("row")).toHaveCount(6);
  expect(errors).toEqual([]);
});

test("16: a one-off in the past is refused by the server at the field", async ({ inside: page }) => {
  const made = await seed(await apiToken());
  await page.goto(`${BASE}/console/tasks/new?cases=${made.case}`);
  await page.getByText("一次", { exact: true }).click();
  const picker = page.getByRole("textbox", { name: "执行时间" });
  await picker.fill("2020-01-01 10:00:00");
  await picker.press("Enter");
  const answered = page.waitForResponse((response) => response.url().endsWith("/api-data/schedule-api-cases"));
  await page.getByRole("button", { name: "保存", exact: true }).click();
  expect((await answered).status()).toBe(400);
  const item = page.locator(".ant-form-item", { has: picker });
  await expect(item.locator(".ant-form-item-explain-error")).toBeVisible();
});

test("18: whoever loses the race of cancel and fire is told the status by name, and the page is up to date", async ({
  inside: page,
}) => {
  const token = await apiToken();
  const gate = `/gate-${Date.now()}`;
  const made = await seed(token, "Race", gate);
  const save = (body: object) =>
    api<{ task_id: number }>("POST", "/api-data/schedule-api-cases", token, {
      case_ids: [made.case],
      parallel: 0,
      owner_ids: [1],
      startTime: "2099-01-01T00:00:00",
      ...body,
    });
  const { task_id } = await save({});
  await page.goto(`${BASE}/console/tasks/${task_id}`);
  const status = async () => (await api<{ status: string }>("GET", `/scheduler/tasks/${task_id}`, token)).status;
  // The other side wins between the click and the call.
  await page.route("**/cancel-scheduled-task", async (route) => {
    await save({ task_id, startTime: new Date(Date.now() + 4000).toISOString().replace(/\.\d+/, "") });
    await expect.poll(status, { intervals: [100], timeout: 30_000 }).not.toBe("pending");
    await route.continue();
  });
  await page.getByRole("button", { name: "取消任务" }).click();
  await page.locator(".ant-popconfirm").getByRole("button", { name: "取消任务" }).click();
  await expect(page.getByText(/只能操作待执行.*当前状态：(running|completed|failed)/).first()).toBeVisible();
  await expect(page.getByRole("button", { name: "取消任务" })).toHaveCount(0);

  await settle(gate, {});

  const { task_id: other } = await save({});
  await page.goto(`${BASE}/console/tasks/new?copy=${other}`);
  await page.getByRole("button", { name: "保存", exact: true }).click();
  await expect(page).toHaveURL(/\/tasks\/\d+$/);
  const copied = Number(/\d+$/.exec(page.url())?.[0]);
  await expect(page.getByRole("button", { name: "立即执行" })).toBeVisible();
  await page.route("**/fire", async (route) => {
    await api("POST", "/api-data/cancel-scheduled-task", token, { task_id: copied });
    await route.continue();
  });
  await page.getByRole("button", { name: "立即执行" }).click();
  await expect(page.getByText(/当前状态/).first()).toBeVisible();
  await expect(page.getByText("已取消").first()).toBeVisible();
});

test("a task made for two projects keeps an environment for each", async ({ context, page }) => {
  const token = await apiToken();
  await enter(context);
  const [one, two] = [await seed(token, "One"), await seed(token, "Two")];
  await page.goto(`${BASE}/console/tasks/new?cases=${one.case},${two.case}`);
  await expect(page.getByText(`test · ${TARGET}`)).toHaveCount(2);
  await page.getByRole("button", { name: "保存", exact: true }).click();
  await expect(page).toHaveURL(/\/tasks\/\d+$/);
  const task = await api<{ environments: Record<string, number> }>(
    "GET",
    `/scheduler/tasks/${/\d+$/.exec(page.url())?.[0]}`,
    token,
  );
  expect(task.environments).toEqual({ [one.project]: one.environment, [two.project]: two.environment });
});

test("the rows of tasks change as they run, told by the stream alone", async ({ inside: page }) => {
  const token = await apiToken();
  const made = await seed(token, "Rows", `/rows-${Date.now()}`);
  const task_name = `rows ${Date.now()}`;
  const save = { case_ids: [made.case], parallel: 0, owner_ids: [1], startTime: "2099-01-01T00:00:00", task_name };
  const { task_id } = await api<{ task_id: number }>("POST", "/api-data/schedule-api-cases", token, save);
  const stream = page.waitForResponse((response) => response.url().endsWith("/scheduler/events"));
  await page.goto(`${BASE}/console/tasks?q=${encodeURIComponent(task_name)}`);
  const row = page.getByRole("row", { name: task_name });
  await expect(row).toBeVisible();
  await stream;
  await page.route("**/scheduler/tasks?*", () => {}); // no list is answered any more
  const { run_id } = await api<{ run_id: string }>("POST", `/scheduler/tasks/${task_id}/fire`, token);
  await expect(row.getByRole("link", { name: /失败/ })).toHaveAttribute("href", new RegExp(run_id));

  await row.getByRole("link", { name: task_name }).click();
  await expect(page.getByRole("cell", { name: "失败" }).first()).toBeVisible();
  // A task older than its ledger.
  sql(`SET search_path TO scheduler; UPDATE task SET created_at = '2016-01-01Z' WHERE id = ${task_id}`);
  await page.reload();
  await expect(page.getByText(/触发记录从 \d{4}-\d\d-\d\d 起保留/)).toBeVisible();
});
