import { readFileSync } from "node:fs";
import type { Locator, Page } from "@playwright/test";
import {
  api,
  apiToken,
  BASE,
  expect,
  open,
  openSeeded,
  pasteCurl,
  saved,
  seed,
  still,
  storedText,
  test,
} from "./rounds";

/** Press Tab (or another key) until something has the focus, which must be seen. Fails where it is not reached. */
async function reach(page: Page, target: Locator, key = "Tab", most = 80): Promise<void> {
  for (let at = 0; at < most; at++) {
    if ((await target.count()) && (await target.first().evaluate((one) => one === document.activeElement))) {
      const seen = await target.first().evaluate((one) => {
        const look = (it: Element | null): boolean => {
          if (!it || it === document.body) return false;
          const style = getComputedStyle(it);
          return (
            (style.outlineStyle !== "none" && Number.parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none"
          );
        };
        // A select's field is bare: the box around it carries the ring.
        return look(one) || look(one.parentElement) || Boolean(one.closest(".ant-select-focused, .ant-segmented"));
      });
      expect(seen, `the focus is seen on ${target}`).toBe(true);
      return;
    }
    await page.keyboard.press(key);
  }
  throw new Error(`${target} cannot be reached by ${key}`);
}

test("7: by keyboard alone: module, case, step, URL, assertion, save, schedule, with the focus in sight and no trap", async ({
  inside: page,
}) => {
  const token = await apiToken();
  const made = await seed(token, "Keys");
  await page.goto(`${BASE}/console/p/${made.project}/cases`);
  await expect(page.getByRole("treeitem", { name: "Keys" })).toBeVisible();
  const button = (name: string | RegExp) => page.getByRole("button", { name });
  const press = (key: string) => page.keyboard.press(key);

  await reach(page, button(/新建模块/));
  await press("Enter");
  const name = page.getByRole("dialog").getByLabel("模块名称");
  await expect(name).toBeFocused();
  await page.keyboard.type("夜间");
  await press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
  await expect(button(/新建模块/)).toBeFocused();
  await press("Enter");
  await expect(name).toBeFocused();
  await page.keyboard.type("夜间");
  await press("Enter");
  await expect(page.getByRole("treeitem", { name: "夜间" })).toBeVisible();
  await reach(page, page.getByRole("treeitem", { name: "Keys" }), "Shift+Tab");
  await press("ArrowDown");
  await press("Enter");
  await expect(page).toHaveURL(/[?&]module=/);

  const create = page.getByRole("link", { name: "新建用例" }).first();
  await reach(page, create, "Shift+Tab");
  await press("Enter");
  await expect(page).toHaveURL(/cases\/new/);
  await reach(page, page.getByLabel("用例名称"));
  await page.keyboard.type("keyed");
  await reach(page, button(/步骤/));
  await press("Enter");
  await expect(page.getByRole("menuitem", { name: "请求" })).toBeVisible();
  const request = page.getByRole("menuitem", { name: "请求" });
  for (let at = 0; at < 8 && !(await request.evaluate((one) => one === document.activeElement)); at++)
    await press("ArrowDown");
  await expect(request).toBeFocused();
  await press("Enter");
  await expect(page.getByRole("treeitem")).toHaveCount(2);
  const url = page.getByLabel("URL", { exact: true });
  await reach(page, url);
  await press("Control+a");
  await page.keyboard.type("{{base_url}}/keyed");
  await reach(page, page.getByLabel("断言 1 值"));
  await press("Control+a");
  await page.keyboard.type("201");
  await press("Control+s");
  await saved(page, 1);

  const id = Number(/cases\/(\d+)/.exec(page.url())?.[1] ?? 0) || undefined;
  await expect(page).toHaveURL(/cases\/\d+/);
  const stored = await api<{ document: { steps: { request: { url: string }; asserts: { value: number }[] }[] } }>(
    "GET",
    `/catalog/cases/${id ?? /cases\/(\d+)/.exec(page.url())?.[1]}`,
    token,
  );
  expect(stored.document.steps[1]?.request.url).toBe("{{base_url}}/keyed");
  expect(stored.document.steps[1]?.asserts[0]?.value).toBe(201);

  await reach(page, page.getByRole("link", { name: "定时任务" }));
  await press("Enter");
  await expect(page).toHaveURL(/\/tasks$/);
  // Where there are none, the button stands in their place.
  await expect(page.locator("#content").locator(".empty, .list").first()).toBeVisible();
  await reach(page, page.getByRole("link", { name: "新建定时任务" }).first());
  await press("Enter");
  await expect(page).toHaveURL(/\/tasks\/new/);
  await reach(page, button("选择用例"));
  await press("Enter");
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByRole("checkbox").nth(1)).toBeVisible();
  await reach(page, dialog.getByRole("checkbox").nth(1));
  await press("Space");
  await reach(page, dialog.getByRole("button", { name: "选定 1 个用例" }));
  await press("Enter");
  await expect(dialog).toBeHidden();
  await expect(button("选择用例")).toBeFocused();
  await reach(page, button(/^保\s?存$/));
  await press("Enter");
  await expect(page).toHaveURL(/\/tasks\/\d+$/);
});

test("8: modules and steps move by keyboard, and their order is the same after a reload", async ({ inside: page }) => {
  const token = await apiToken();
  const made = await seed(token, "A");
  for (const name of ["B", "C"]) await api("POST", `/catalog/projects/${made.project}/modules`, token, { name });
  await page.goto(`${BASE}/console/p/${made.project}/cases`);
  const names = () =>
    page.getByRole("treeitem").evaluateAll((items) => items.map((one) => one.getAttribute("aria-label")));
  await expect.poll(names).toEqual(["A", "B", "C"]);
  await page.getByRole("treeitem", { name: "A" }).focus();
  await page.keyboard.press("Alt+ArrowDown");
  await expect.poll(names).toEqual(["B", "A", "C"]);
  await expect(page.getByRole("treeitem", { name: "A" })).toBeFocused();
  await page.keyboard.press("Alt+ArrowDown");
  await expect.poll(names).toEqual(["B", "C", "A"]);
  await page.keyboard.press("Home");
  await expect(page.getByRole("treeitem", { name: "B" })).toBeFocused();
  await page.reload();
  await expect.poll(names).toEqual(["B", "C", "A"]);

  await page.goto(`${BASE}/console/p/${made.project}/cases/${made.case}`);
  await expect.poll(names).toEqual(["1 first", "2 second"]);
  await page.getByRole("treeitem", { name: "1 first" }).focus();
  await page.keyboard.press("Alt+ArrowDown");
  await expect.poll(names).toEqual(["1 second", "2 first"]);
  await page.keyboard.press("Control+s");
  await saved(page, 2);
  await page.reload();
  await expect.poll(names).toEqual(["1 second", "2 first"]);
});

/** What is pasted, and what the editor must hold: method, address, headers, body. */
const PASTED: [string, string, string, [string, string][], Record<string, unknown> | undefined][] = [
  ["curl https://x.test/a?b=1", "GET", "https://x.test/a?b=1", [], undefined],
  ["curl -X DELETE 'https://x.test/it'", "DELETE", "https://x.test/it", [], undefined],
  [
    "curl https://x.test -d a=1 -d b=2",
    "POST",
    "https://x.test",
    [],
    {
      form: [
        ["a", "1"],
        ["b", "2"],
      ],
    },
  ],
  [
    `curl https://x.test -H 'Content-Type: application/json' -d '{"id": 9007199254740993, "名": "it'\\''s"}'`,
    "POST",
    "https://x.test",
    [["Content-Type", "application/json"]],
    { json: { id: "9007199254740993", 名: "it's" } },
  ],
  [
    'curl "https://x.test/q" ^\n  -H "accept: */*" ^\n  --data-raw "a ^%b"',
    "POST",
    "https://x.test/q",
    [
      ["accept", "*/*"],
      ["Content-Type", "application/x-www-form-urlencoded"],
    ],
    undefined,
  ],
  [
    "curl \\\n  -H 'X-A: 1' \\\n  -H 'X-B: two words' \\\n  -A me \\\n  --compressed https://x.test/m",
    "GET",
    "https://x.test/m",
    [
      ["X-A", "1"],
      ["X-B", "two words"],
      ["User-Agent", "me"],
    ],
    undefined,
  ],
  ["curl -G https://x.test/s -d q=1 --data-urlencode 'n=a b'", "GET", "https://x.test/s?q=1&n=a%20b", [], undefined],
  ["curl -I https://x.test/head", "HEAD", "https://x.test/head", [], undefined],
  [
    "curl https://x.test -F 'a=1' -F 'b=two'",
    "POST",
    "https://x.test",
    [],
    {
      multipart: [
        { name: "a", text: "1" },
        { name: "b", text: "two" },
      ],
    },
  ],
  [
    "curl -X PUT $'https://x.test/it\\'s' -H 'Content-Type: text/plain' --data-raw $'a\\nb'",
    "PUT",
    "https://x.test/it's",
    [["Content-Type", "text/plain"]],
    { text: "a\nb" },
  ],
  ["curl -k {{base_url}}/login", "GET", "{{base_url}}/login", [], undefined],
  [
    "curl https://x.test -H 'X-Empty;' -e https://from.test -X PATCH",
    "PATCH",
    "https://x.test",
    [
      ["X-Empty", ""],
      ["Referer", "https://from.test"],
    ],
    undefined,
  ],
];

test("9: a pasted cURL yields its method, address, headers and body in the editor; a refused one shows why", async ({
  inside: page,
}) => {
  const token = await apiToken();
  const made = await seed(token, "Curl");
  await open(page, `/p/${made.project}/cases/${made.case}`);
  const url = page.getByLabel("URL", { exact: true });
  await expect(url).toHaveValue("{{base_url}}/one");
  const dialog = page.getByRole("dialog");
  const paste = async (text: string) => {
    await url.evaluate((field, curl) => {
      const clipboardData = new DataTransfer();
      clipboardData.setData("text", curl);
      field.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
    }, text);
  };
  for (const [curl, method, address, headers] of PASTED) {
    await paste(curl);
    await dialog.getByRole("button", { name: "插入 1 个步骤" }).click();
    await expect(dialog).toBeHidden();
    await expect(url, curl).toHaveValue(address);
    await expect(page.locator(".request-line .ant-select").first()).toContainText(method);
    await expect(page.getByRole("tab", { name: "请求头" })).toHaveText(
      `请求头${headers.length ? ` ${headers.length}` : ""}`,
    );
  }
  await paste("curl https://x.test/one && curl https://x.test/two");
  await dialog.getByRole("button", { name: "插入 2 个步骤" }).click();
  await paste("curl -k --cert c.pem https://x.test/noted");
  await expect(dialog.getByRole("listitem").filter({ hasText: "--cert" })).toBeVisible();
  await page.keyboard.press("Escape");
  await paste("curl -X GET");
  await expect(dialog.getByRole("alert").or(dialog.getByRole("listitem")).first()).toBeVisible();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+s");
  await saved(page, 2);
  const text = await storedText(token, made.case);
  const { document } = JSON.parse(text.replaceAll(/(?<=: ?)\d{16,}/g, '"$&"')) as {
    document: { steps: { request: { headers?: Record<string, string> | [string, string][]; body?: object } }[] };
  };
  const added = document.steps.slice(1, 1 + PASTED.length);
  for (const [at, [curl, , , headers, body]] of PASTED.entries()) {
    const sent = added[at]?.request;
    const pairs = Array.isArray(sent?.headers) ? sent.headers : Object.entries(sent?.headers ?? {});
    expect(pairs, curl).toEqual(headers);
    if (body) expect(sent?.body, curl).toMatchObject(body);
  }
});

test("9: each of curlconverter's own commands is pasted as the steps that the conversion tells, and saved as them", async ({
  inside: page,
}) => {
  const { token, ...made } = await openSeeded(page, "Converter");
  const file = readFileSync(new URL("curl-commands.json", import.meta.url), "utf8");
  const commands = Object.values((JSON.parse(file) as { commands: Record<string, string> }).commands);
  const path = `/catalog/projects/${made.project}/convert`;
  const converted = await Promise.all(
    commands.map((text) => api<{ steps: { request: object }[] }>("POST", path, token, { format: "curl", text })),
  );
  const wanted = converted.flatMap(({ steps }) => steps);
  expect(converted.filter(({ steps }) => steps.length === 0)).toEqual([]);
  const dialog = await pasteCurl(page, commands.join("\n"));
  // A secret of each is one of many here: the second token is called token_2.
  const plain = (steps: { request: object }[]) =>
    steps.map(({ request }) => JSON.parse(JSON.stringify(request).replaceAll(/(\{\{\w+?)_\d+\}\}/g, "$1}}")) as object);
  await dialog.getByRole("checkbox").uncheck();
  await dialog.getByRole("button", { name: `插入 ${wanted.length} 个步骤` }).click();
  await expect(page.getByRole("treeitem")).toHaveCount(2 + wanted.length);
  await page.keyboard.press("Control+s");
  await saved(page, 2);
  const { document } = JSON.parse(await storedText(token, made.case)) as { document: { steps: { request: object }[] } };
  expect(plain(document.steps.slice(1, -1))).toEqual(plain(wanted));
});

test("30: Enter while an input method composes submits nothing", async ({ inside: page, context }) => {
  const made = await seed(await apiToken(), "Ime");
  const asked: string[] = [];
  page.on("request", (request) => {
    if (request.method() !== "GET" || request.url().includes("search=")) asked.push(request.url());
  });
  const client = await context.newCDPSession(page);
  const compose = async (field: Locator) => {
    await field.focus();
    await client.send("Input.imeSetComposition", { text: "zhi", selectionStart: 3, selectionEnd: 3 });
    await field.dispatchEvent("keydown", { key: "Enter", code: "Enter", keyCode: 229, isComposing: true });
    await field.dispatchEvent("keyup", { key: "Enter", code: "Enter", keyCode: 13, isComposing: true });
  };
  await page.goto(`${BASE}/console/p/${made.project}/cases`);
  await expect(page.getByRole("treeitem")).toHaveCount(1);
  const search = page.getByRole("searchbox", { name: "搜索用例" });
  await compose(search);
  await client.send("Input.insertText", { text: "支付" });
  await expect(search).toHaveValue("支付");
  await page.getByRole("button", { name: /新建模块/ }).click();
  const name = page.getByRole("dialog").getByLabel("模块名称");
  await expect(name).toBeVisible();
  await still(page);
  await compose(name);
  await client.send("Input.insertText", { text: "支付" });
  await expect(name).toHaveValue("支付");
  await expect(page.getByRole("dialog")).toBeVisible();
  expect(asked).toEqual([]);
  await name.press("Enter");
  await expect(page.getByRole("treeitem", { name: "支付" })).toBeVisible();

  await page.goto(`${BASE}/console/p/${made.project}/cases/${made.case}`);
  await compose(page.getByLabel("用例名称"));
  await page.getByLabel("用例名称").dispatchEvent("keydown", { key: "s", ctrlKey: true, isComposing: true });
  expect(asked.filter((path) => path.includes("/catalog/cases") && !path.includes("search"))).toEqual([]);
});
