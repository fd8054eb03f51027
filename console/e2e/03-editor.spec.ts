import { api, apiToken, BASE, enter, expect, seed, test } from "./rounds";

test("a click on a value of an answer adds an assertion with all its digits, and undo takes it away", async ({
  inside: page,
}) => {
  const token = await apiToken();
  const made = await seed(token);
  await page.goto(`${BASE}/console/p/${made.project}/cases/${made.case}`);
  await page.getByRole("button", { name: "试运行全部" }).click();
  const value = page.locator(".answer .cm-line", { hasText: "9007199254740993" });
  await value.click({ position: { x: 70, y: 6 } });
  await page.getByRole("button", { name: /断言 = 9007199254740993/ }).click();
  await expect(page.getByLabel("断言 2 值")).toHaveValue("9007199254740993");
  await page.getByRole("button", { name: "撤销" }).click();
  await expect(page.getByLabel("断言 2 值")).toHaveCount(0);
  await value.click({ position: { x: 70, y: 6 } });
  await page.getByRole("button", { name: /断言 = 9007199254740993/ }).click();
  await page.keyboard.press("Control+s");
  await expect(page.getByText("已保存为版本 2")).toBeVisible();
  const saved = await (
    await fetch(`${BASE}/catalog/cases/${made.case}`, { headers: { Authorization: `Token ${token}` } })
  ).text();
  expect(saved).toContain("9007199254740993");
});

test("unsaved edits are offered again after a crash", async ({ inside: page }) => {
  const made = await seed(await apiToken());
  await page.goto(`${BASE}/console/p/${made.project}/cases/${made.case}`);
  await page.getByLabel("URL").fill("{{base_url}}/draft");
  await expect(page.getByText("*未保存")).toBeVisible();
  const kept = () =>
    page.evaluate(
      () =>
        new Promise<number>((resolve) => {
          const open = indexedDB.open("rounds", 1);
          open.onsuccess = () => {
            const count = open.result.transaction("drafts").objectStore("drafts").count();
            count.onsuccess = () => {
              open.result.close();
              resolve(count.result);
            };
          };
        }),
    );
  await expect.poll(kept).toBe(1);
  page.on("dialog", (dialog) => void dialog.accept());
  await page.reload();
  await page.getByRole("button", { name: "恢复草稿" }).click();
  await expect(page.getByLabel("URL")).toHaveValue("{{base_url}}/draft");
});

test("two who save one case: the second sees both texts, and nothing is lost", async ({ inside: page }) => {
  const token = await apiToken();
  const made = await seed(token);
  await page.goto(`${BASE}/console/p/${made.project}/cases/${made.case}`);
  await page.getByLabel("用例名称").fill("mine");
  const now = await api<{ document: object }>("GET", `/catalog/cases/${made.case}`, token);
  await api("PUT", `/catalog/cases/${made.case}`, token, { document: { ...now.document, name: "theirs" } });
  await page.getByRole("button", { name: "保存" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("改过此用例");
  await dialog.getByRole("button", { name: "用我的覆盖" }).click();
  await expect(page.getByText("已保存为版本 3")).toBeVisible();
});

test("a log-in elsewhere leaves the page and what was typed", async ({ inside: page, context }) => {
  const made = await seed(await apiToken());
  await page.goto(`${BASE}/console/p/${made.project}/cases/${made.case}`);
  await page.getByLabel("用例名称").fill("typed before");
  const other = await fetch(`${BASE}/user/login`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ username: "admin", password: "correct horse battery" }),
  });
  expect(other.ok).toBe(true);
  await page.getByRole("button", { name: "试运行全部" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("在别处登录");
  await dialog.getByLabel("admin 的密码").fill("correct horse battery");
  await dialog.getByRole("button", { name: "登录" }).click();
  await expect(dialog).toBeHidden();
  await page.getByRole("button", { name: "保存" }).click();
  await expect(page.getByText("已保存为版本 2")).toBeVisible();
  await expect(page.getByLabel("用例名称")).toHaveValue("typed before");
  await enter(context);
});
