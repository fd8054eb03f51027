import type { Page } from "@playwright/test";
import {
  api,
  apiToken,
  BASE,
  expect,
  logIn,
  open,
  openSeeded,
  PASSWORD,
  pasteCurl,
  runOf,
  saved,
  seed,
  sent,
  still,
  storedText,
  TARGET,
  TESTER,
  test,
} from "./rounds";

/** Everything that this browser keeps of unsaved cases. */
const drafts = () =>
  new Promise<string>((resolve) => {
    const open = indexedDB.open("rounds", 1);
    open.onsuccess = () => {
      const all = open.result.transaction("drafts").objectStore("drafts").getAll();
      all.onsuccess = () => {
        open.result.close();
        resolve(JSON.stringify(all.result));
      };
    };
  });

test("10, 12: a click on 9007199254740993 adds an assertion with its exact digits, and undo takes it away", async ({
  inside: page,
}) => {
  const { token, ...made } = await openSeeded(page);
  await page.getByRole("button", { name: "试运行全部" }).click();
  const value = page.locator(".answer .cm-line", { hasText: "9007199254740993" });
  await value.click({ position: { x: 70, y: 6 } });
  await expect(page.getByRole("button", { name: /断言 = 9007199254740993/ })).toBeVisible();
  await still(page);
  await page.getByRole("button", { name: /断言 = 9007199254740993/ }).click();
  await expect(page.getByLabel("断言 2 值")).toHaveValue("9007199254740993");
  await page.getByRole("button", { name: "撤销" }).click();
  await expect(page.getByLabel("断言 2 值")).toHaveCount(0);
  await value.click({ position: { x: 70, y: 6 } });
  await expect(page.getByRole("button", { name: /断言 = 9007199254740993/ })).toBeVisible();
  await still(page);
  await page.getByRole("button", { name: /断言 = 9007199254740993/ }).click();
  await expect(page.getByLabel("断言 2 值")).toHaveValue("9007199254740993");
  await page.keyboard.press("Control+s");
  await saved(page, 2);
  expect(await storedText(token, made.case)).toContain("9007199254740993");
});

test("14: unsaved edits are offered again after a reload", async ({ inside: page }) => {
  await openSeeded(page);
  await page.getByLabel("URL").fill("{{base_url}}/draft");
  await expect(page.getByText("*未保存")).toBeVisible();
  await expect.poll(() => page.evaluate(drafts)).toContain("/draft");
  page.on("dialog", (dialog) => void dialog.accept());
  await page.reload();
  await page.getByRole("button", { name: "恢复草稿" }).click();
  await expect(page.getByLabel("URL")).toHaveValue("{{base_url}}/draft");
});

test("13: two who save one case: the second sees both texts, and nothing is lost", async ({ inside: page }) => {
  const { token, ...made } = await openSeeded(page);
  await page.getByLabel("用例名称").fill("mine");
  const now = await api<{ document: object }>("GET", `/catalog/cases/${made.case}`, token);
  const theirs = { ...now.document, name: "theirs", tags: ["theirs"] };
  await api("PUT", `/catalog/cases/${made.case}`, token, { document: theirs });
  await page.getByRole("button", { name: "保存" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("改过此用例");
  await expect(dialog).toContainText("1 处两边都改过");
  await dialog.getByRole("radio", { name: /^我的/ }).check();
  await dialog.getByRole("button", { name: "保存合并结果" }).click();
  await saved(page, 3);
  const merged = await api<{ document: object }>("GET", `/catalog/cases/${made.case}`, token);
  expect(merged.document).toEqual({ ...theirs, name: "mine" });
  const before = await api<{ document: object }>("GET", `/catalog/cases/${made.case}/revisions/2`, token);
  expect(before.document).toEqual(theirs);
});

test("5: a log-in elsewhere leaves the page and what was typed", async ({ inside: page }) => {
  await openSeeded(page);
  await page.getByLabel("用例名称").fill("typed before");
  await logIn();
  await page.getByRole("button", { name: "试运行全部" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("在别处登录");
  await still(page);
  await dialog.getByLabel(`${TESTER} 的密码`).fill(PASSWORD);
  await dialog.getByRole("button", { name: "登录" }).click();
  await expect(dialog).toBeHidden();
  await page.getByRole("button", { name: "保存" }).click();
  await saved(page, 2);
  await expect(page.getByLabel("用例名称")).toHaveValue("typed before");
});

/** The offset of a text in the answer's lines, clicked. */
async function pick(page: Page, text: string, inside = 2): Promise<void> {
  const line = page.locator(".answer .cm-line", { hasText: text }).first();
  await line.evaluate((element) => element.scrollIntoView({ block: "center" }));
  const place = await line.evaluate(
    (element, [wanted, by]) => {
      const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
      let before = 0;
      const from = (element.textContent ?? "").indexOf(wanted as string) + (by as number);
      for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const length = node.textContent?.length ?? 0;
        if (before + length > from) {
          const range = document.createRange();
          range.setStart(node, from - before);
          range.setEnd(node, from - before + 1);
          const { x, y, width, height } = range.getBoundingClientRect();
          return { x: x + width / 2, y: y + height / 2 };
        }
        before += length;
      }
      return null;
    },
    [text, inside] as const,
  );
  if (!place) throw new Error(`${text} is not in the answer`);
  const scrolled = () => page.evaluate(() => window.scrollY);
  const before = await scrolled();
  await page.mouse.click(place.x, place.y);
  // The menu has the focus, and the page stays where it was (but for the room that the menu before it took at its foot).
  await expect(page.locator(".pick-menu button").first()).toBeFocused();
  await still(page);
  expect(Math.abs((await scrolled()) - before)).toBeLessThan(20);
}

test("11: a click or Enter on a value adds assertion and capture with a path that is judged passed, for awkward keys too", async ({
  inside: page,
}) => {
  const { token, ...made } = await openSeeded(page);
  await page.getByRole("button", { name: "试运行全部" }).click();
  await expect(page.locator(".answer .cm-line", { hasText: "9007199254740993" })).toBeVisible();
  let row = 1;
  for (const [text, inside] of [
    ['"a b": 1', 7],
    [`"it's": true`, 9],
    [`"[\\"]": "odd"`, 9],
    ['"中文": "值"', 6],
    ['"state": "paid"', 11],
    ['"sku": "a-2"', 9],
  ] as const) {
    row++;
    await pick(page, text, inside);
    const judged = page.waitForResponse((response) => response.url().endsWith("/runs/judge"));
    await page.getByRole("button", { name: /断言 = / }).click();
    const said = await (await judged).text();
    const { asserts } = JSON.parse(said) as { asserts?: { passed: boolean }[] };
    expect(asserts?.at(-1)?.passed, `${text} ${said}`).toBe(true);
    await expect(page.getByLabel(`断言 ${row} 值`)).toBeVisible();
  }
  for (const [button, passed] of [
    ['断言每一项 = "a-2"', false],
    ["断言每一项 string", true],
  ] as const) {
    row++;
    await pick(page, '"sku": "a-2"', 9);
    const judged = page.waitForResponse((response) => response.url().endsWith("/runs/judge"));
    await page.getByRole("button", { name: button }).click();
    const { asserts } = (await (await judged).json()) as { asserts: { passed: boolean }[] };
    expect(asserts.at(-1)?.passed, button).toBe(passed);
    await expect(page.getByLabel(`断言 ${row} 表达式`)).toHaveValue("$.items[*].sku");
  }
  await page.getByRole("button", { name: `移除 断言 ${row - 1}`, exact: true }).click();
  row--;
  await pick(page, '"it\'s": true', 9);
  await page.getByRole("button", { name: "提取为变量" }).click();
  await expect(page.getByText(/已提取为变量/).first()).toBeVisible();
  await page.locator(".answer .cm-line", { hasText: '"fee"' }).click({ position: { x: 60, y: 6 } });
  await page.keyboard.press("Escape");
  await page.locator(".answer .cm-content").focus();
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "断言存在" }).click();
  await expect(page.getByLabel(`断言 ${row + 1} 表达式`)).toHaveValue("$.fee");
  await page.keyboard.press("Control+s");
  await saved(page, 2);
  const run = await runOf(token, [made.case]);
  const report = await api<{
    steps: { name: string; asserts: { passed: boolean }[]; captures: { found: boolean }[] }[];
  }>("GET", `/runs/${run}/cases/${made.case}`, token);
  expect(report.steps[0]?.asserts.map(({ passed }) => passed)).toEqual(Array(9).fill(true));
  expect(report.steps[0]?.captures.map(({ found }) => found)).toEqual([true]);
});

test("10: the saved case and the request of the next run carry the exact digits", async ({ inside: page }) => {
  const token = await apiToken();
  const made = await seed(token, "Digits", "/digits");
  await page.goto(`${BASE}/console/p/${made.project}/cases/${made.case}?step=2`);
  await page.getByRole("treeitem", { name: "2 second" }).click();
  await page.getByRole("tab", { name: /^请求体/ }).click();
  const body = page.getByRole("tabpanel").locator(".cm-content").first();
  await body.fill('{"id": 9007199254740993, "price": 1.10}');
  await page.keyboard.press("Control+s");
  await saved(page, 2);
  expect(await storedText(token, made.case)).toContain("9007199254740993");
  await runOf(token, [made.case]);
  const seen = await sent("/digits");
  expect(seen.at(-1)?.body).toContain("9007199254740993");
});

test("14: after a paste with 存为环境密钥 the token is in no draft, storage or document", async ({ inside: page }) => {
  const token = await apiToken();
  const made = await seed(token, "Secret");
  const secret = "sk-live-0123456789abcdef";
  await open(page, `/p/${made.project}/cases/${made.case}`);
  const dialog = await pasteCurl(page, `curl ${TARGET}/secret -H 'Authorization: Bearer ${secret}'`);
  await expect(dialog.getByRole("checkbox")).toBeChecked();
  await dialog.getByRole("button", { name: "插入 1 个步骤" }).click();
  await expect(dialog).toBeHidden();
  await expect.poll(() => page.evaluate(drafts)).toContain("/secret");
  expect(await page.evaluate(drafts)).not.toContain(secret);
  expect(await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]))).not.toContain(secret);
  expect(await page.content()).not.toContain(secret);
  await page.keyboard.press("Control+s");
  await saved(page, 2);
  expect(await storedText(token, made.case)).not.toContain(secret);
  await runOf(token, [made.case]);
  expect((await sent("/secret")).at(-1)?.headers).toContainEqual(["Authorization", `Bearer ${secret}`]);
});

test("a pasted cURL takes the place of the step that a new case begins with", async ({ inside: page }) => {
  const made = await seed(await apiToken(), "New");
  await open(page, `/p/${made.project}/cases/new`);
  const dialog = await pasteCurl(page, "curl https://x.test/first; curl https://x.test/second");
  await dialog.getByRole("button", { name: "插入 2 个步骤" }).click();
  await expect(page.getByRole("treeitem")).toHaveCount(2);
  await expect(page.getByLabel("URL", { exact: true })).toHaveValue("https://x.test/second");
});

test("a condition, a loop until something holds, and the answer's height stay as they were set", async ({
  inside: page,
}) => {
  const { token, ...made } = await openSeeded(page, "Fields");
  await page.getByRole("button", { name: "试运行全部" }).click();
  const edge = page.getByRole("separator", { name: "响应的高度" });
  const before = Number(await edge.getAttribute("aria-valuenow"));
  await edge.focus();
  await page.keyboard.press("ArrowDown");
  await expect(edge).toHaveAttribute("aria-valuenow", String(before + 24));
  await edge.hover();
  await page.mouse.down();
  const { x, y } = (await edge.boundingBox()) as { x: number; y: number };
  await page.mouse.move(x + 20, y - 95);
  await page.mouse.up();
  const after = Number(await edge.getAttribute("aria-valuenow"));
  expect(after).toBeLessThan(before);
  await expect(page.locator(".answer .code-box")).toHaveCSS("max-height", `${after}px`);
  await page.reload();
  await page.getByRole("button", { name: "试运行全部" }).click();
  await expect(edge).toHaveAttribute("aria-valuenow", String(after));

  await page.getByRole("button", { name: "+ 执行条件" }).click();
  await page.getByLabel("执行条件 变量").fill("ready");
  await page.getByRole("button", { name: "+ 步骤" }).click();
  await page.getByRole("menuitem", { name: "分组" }).click();
  await page.getByText("重复直到", { exact: true }).click();
  await page.getByLabel("重复直到 变量").fill("state");
  await page.getByLabel("重复直到 值").fill("paid");
  await page.getByLabel("最多").fill("5");
  await page.getByLabel("间隔").fill("250");
  await page.keyboard.press("Control+s");
  await saved(page, 2);
  const { document } = await api<{ document: { steps: object[] } }>("GET", `/catalog/cases/${made.case}`, token);
  expect(document.steps).toMatchObject([
    { name: "first", when: { query: { type: "variable", expr: "ready" }, predicate: "==", value: true } },
    {
      type: "group",
      repeat_until: {
        query: { type: "variable", expr: "state" },
        predicate: "==",
        value: "paid",
        max: 5,
        interval_ms: 250,
      },
    },
    { name: "second" },
  ]);
  await page.getByRole("tab", { name: "历史" }).click();
  const asked = page.waitForRequest((request) => request.url().includes(`environment_id=${made.environment}`));
  await page.getByRole("combobox", { name: "环境" }).last().click();
  await page.locator(".ant-select-item-option", { hasText: /^test$/ }).click();
  expect(new URL((await asked).url()).pathname).toBe("/runs/trends");
});
