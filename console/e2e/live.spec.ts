import { connect, createServer, type Socket } from "node:net";
import { api, apiToken, BASE, enter, expect, seed, settle, test } from "./rounds";
import { address } from "./target";

interface Detail {
  finished_at: string | null;
  cases: { case_id: number; status: string; steps_total: number }[];
}

/** A case of so many steps, the third of which waits until its gate is opened. */
async function held(token: string, steps: number): Promise<{ id: number; open: () => Promise<void> }> {
  const gate = `/gate-${Date.now()}-${Math.random()}`;
  const made = await seed(token, "Live");
  const document = {
    apiVersion: "rounds/v1",
    kind: "Case",
    name: `held ${steps}`,
    steps: Array.from({ length: steps }, (_, at) => ({
      name: `step ${at + 1}`,
      type: "request",
      request: { url: at === 2 ? `{{base_url}}${gate}` : `{{base_url}}/${at + 1}` },
      options: { timeout_ms: 120_000 },
      asserts: [{ query: { type: "status" }, predicate: "==", value: 200 }],
    })),
  };
  const { id } = await api<{ id: number }>("POST", `/catalog/modules/${made.module}/cases`, token, { document });
  return { id, open: () => settle(gate, {}) };
}

const start = async (token: string, cases: number[]) =>
  (await api<{ run_id: string }>("POST", "/runs", token, { case_ids: cases, parallel: 1 })).run_id;

test("19: a live run changes with no reload, and after its stream is killed no step is lost or doubled", async ({
  context,
  page,
}) => {
  // Between browser and platform, so that connections can be cut.
  const sockets = new Set<Socket>();
  const { port: to } = new URL(BASE);
  const between = createServer((one) => {
    const other = connect(Number(to), "127.0.0.1");
    for (const socket of [one, other]) {
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        one.destroy();
        other.destroy();
      });
    }
    one.pipe(other).pipe(one);
  });
  const { port, close } = await address(between);
  const base = `http://127.0.0.1:${port}`;
  const token = await apiToken();
  await enter(context, "zh", "light", undefined, base);
  const { id, open } = await held(token, 8);
  const run = await start(token, [id]);
  let loads = 0;
  page.on("load", () => loads++);
  const streams: string[] = [];
  page.on("request", (request) => {
    if (request.url().endsWith("/events")) streams.push(request.url());
  });
  await page.goto(`${base}/console/runs/${run}`);
  await expect(page.getByText("● 实时")).toBeVisible();
  await expect(page.getByText("最迟结束")).toBeVisible();
  await expect(page.getByText("step 2").first()).toBeVisible();
  const before = streams.length;
  for (const socket of sockets) socket.destroy();
  await expect.poll(() => streams.length).toBeGreaterThan(before);
  await open();
  await expect(page.getByRole("button", { name: "重跑全部用例" })).toBeVisible({ timeout: 30_000 });
  const chips = page.locator(".step-chips li");
  await expect(chips).toHaveCount(8);
  for (let at = 1; at <= 8; at++) await expect(chips.nth(at - 1)).toContainText(`step ${at}`);
  const detail = await api<Detail>("GET", `/runs/${run}`, token);
  expect(detail.cases.map(({ steps_total }) => steps_total)).toEqual([8]);
  await expect(page.getByRole("region", { name: "状态" }).getByText(/100/).first()).toBeVisible();
  expect(loads).toBe(1);
  for (const socket of sockets) socket.destroy();
  await close();
});

test("19: eight tabs of one live run all load", async ({ context }) => {
  await enter(context);
  const token = await apiToken();
  const { id, open } = await held(token, 4);
  const run = await start(token, [id]);
  const tabs = [];
  for (let at = 0; at < 8; at++) {
    const tab = await context.newPage();
    await tab.goto(`${BASE}/console/runs/${run}`);
    await expect(tab.getByRole("region", { name: "状态" })).toBeVisible();
    // A headless browser calls every tab visible; in a window only the foremost is.
    await tab.evaluate(() => {
      Object.defineProperty(document, "hidden", { get: () => true });
      document.dispatchEvent(new Event("visibilitychange"));
    });
    tabs.push(tab);
  }
  for (const tab of tabs) await expect(tab.locator(".case-line")).toHaveCount(1);
  await open();
});

test("20: following stops as soon as the reader scrolls, and a finished run opens no stream", async ({
  inside: page,
}) => {
  const streams: string[] = [];
  page.on("request", (request) => {
    if (request.url().endsWith("/events")) streams.push(request.url());
  });
  const token = await apiToken();
  const { id, open } = await held(token, 4);
  const run = await start(token, [id]);
  await page.goto(`${BASE}/console/runs/${run}`);
  const follow = page.getByRole("switch", { name: "自动打开失败的用例" });
  await expect(follow).toBeChecked();
  await page.mouse.move(700, 500);
  await page.mouse.wheel(0, 200);
  await expect(follow).not.toBeChecked();
  await open();
  await expect(page.getByRole("button", { name: "重跑全部用例" })).toBeVisible({ timeout: 30_000 });
  const before = streams.length;
  await page.reload();
  await expect(page.getByRole("button", { name: "重跑全部用例" })).toBeVisible();
  expect(streams.length).toBe(before);
});
