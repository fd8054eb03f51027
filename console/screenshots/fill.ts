import { api, expect, runOf, settle, TARGET } from "../e2e/rounds";

interface Step {
  name: string;
  path: string;
  method?: string;
  json?: object;
  expect?: [string, string | number][];
  capture?: [string, string];
}

const cases: Record<string, [string, Step[]][]> = {
  用户: [
    ["登录", [{ name: "登录", path: "/login", method: "POST", json: { user: "{{user}}" }, capture: ["token", "$.token"] }]],
    [
      "修改资料",
      [
        { name: "登录", path: "/login", method: "POST", json: { user: "{{user}}" } },
        { name: "改昵称", path: "/profile", method: "PUT", json: { nickname: "小王" }, expect: [["$.nickname", "小王"]] },
      ],
    ],
  ],
  订单: [
    [
      "下单并查询",
      [
        { name: "下单", path: "/orders", method: "POST", json: { sku: "A-100", count: 2 }, capture: ["order", "$.id"] },
        { name: "查询订单", path: "/orders/9007199254740993", expect: [["$.state", "created"]] },
      ],
    ],
    ["取消订单", [{ name: "取消", path: "/orders/7/cancel", method: "POST", expect: [["$.state", "cancelled"]] }]],
  ],
  支付: [
    ["余额支付", [{ name: "支付", path: "/pay", method: "POST", json: { order: 7 }, expect: [["$.state", "paid"]] }]],
    [
      "退款",
      [
        { name: "登录", path: "/login", method: "POST", json: { user: "{{user}}" } },
        { name: "查询退款", path: "/refunds/31", expect: [["$.state", "refunded"], ["$.fee", 0]] },
      ],
    ],
    ["对账", [{ name: "下载对账单", path: "/statements/today", expect: [["$.rows", 128]] }]],
  ],
}; // biome-ignore format: a table of cases

async function answers(): Promise<void> {
  await settle("/login", { token: "t-5f2c", user: { id: 1024, name: "王芳" } });
  await settle("/profile", { nickname: "小王" });
  await settle("/orders/9007199254740993", { id: 9007199254740000, state: "created" });
  await settle("/orders/7/cancel", { state: "cancelled" });
  await settle("/pay", { state: "paid", amount: "25.80" });
  await settle("/statements/today", { rows: 128 });
  await settle("/refunds/31", { id: 31, state: "refunded", fee: 0, order: { id: 7, sku: "A-100", amount: "25.80" } });
}

/** A project as testers have it, with runs of which the last fails and one that goes on, and tasks in several states. */
export async function fill(token: string, owner: number) {
  const id = (made: { id: number }) => made.id;
  const project = id(
    await api("POST", "/catalog/projects", token, { name: "支付平台", description: "下单、支付、退款" }),
  );
  await api("POST", `/catalog/projects/${project}/environments`, token, {
    name: "测试",
    base_urls: { default: TARGET },
    variables: { user: "wangfang" },
    secrets: { password: "s3cret-value" },
    is_default: true,
  });
  const ids: number[] = [];
  for (const [name, list] of Object.entries(cases)) {
    const module = id(await api("POST", `/catalog/projects/${project}/modules`, token, { name }));
    for (const [title, steps] of list) {
      const document = {
        apiVersion: "rounds/v1",
        kind: "Case",
        name: title,
        tags: title === "对账" ? ["每日"] : ["冒烟"],
        steps: steps.map((step) => ({
          name: step.name,
          type: "request",
          request: {
            method: step.method ?? "GET",
            url: `{{base_url}}${step.path}`,
            ...(step.json && { body: { json: step.json } }),
          },
          asserts: [
            { query: { type: "status" }, predicate: "==", value: 200 },
            ...(step.expect ?? []).map(([expr, value]) => ({
              query: { type: "jsonpath", expr },
              predicate: "==",
              value,
            })),
          ],
          ...(step.capture && {
            captures: [{ name: step.capture[0], query: { type: "jsonpath", expr: step.capture[1] } }],
          }),
        })),
      };
      ids.push(id(await api("POST", `/catalog/modules/${module}/cases`, token, { document })));
    }
  }
  const make = async (name: string, case_ids: number[], cron: string) =>
    (
      await api<{ task_id: number }>("POST", "/api-data/schedule-api-cases", token, {
        task_name: name,
        case_ids,
        parallel: 1,
        owner_ids: [owner],
        startTime: new Date(Date.now() + 5000).toISOString().replace(/\.\d+/, ""),
        cron,
      })
    ).task_id;
  const task = await make("支付冒烟", ids, "0 9 * * 1-5");
  await make("每晚对账", ids.slice(-1), "30 22 * * *");
  const fire = async () => {
    const { run_id } = await api<{ run_id: string }>("POST", `/scheduler/tasks/${task}/fire`, token);
    await expect
      .poll(
        async () => {
          const { data } = await api<{ data: { run_id: string; finished_at: string | null }[] }>(
            "GET",
            `/runs?task_id=${task}`,
            token,
          );
          return data.some((one) => one.run_id === run_id && one.finished_at !== null);
        },
        { timeout: 60_000 },
      )
      .toBe(true);
    return run_id;
  };
  await answers();
  for (let at = 0; at < 3; at++) await fire();
  await settle("/refunds/31", {
    id: 31,
    state: "paid",
    fee: 1.5,
    trace: "b7-19",
    order: { id: 7, sku: "A-100", amount: "25.80" },
  });
  await runOf(token, ids.slice(0, 2));
  const run = await fire();
  await api("POST", "/notifications/channels", token, {
    project_id: project,
    name: "测试群",
    kind: "feishu",
    url: "https://chat.example.test/hook",
    notify: "on_failure",
  });
  const over = await make("旧的回归", ids.slice(0, 2), "0 6 * * 1");
  await api("POST", "/api-data/cancel-scheduled-task", token, { task_id: over });
  const module = (await api<{ data: { id: number }[] }>("GET", `/catalog/projects/${project}/modules`, token)).data[0]
    ?.id as number;
  const slow = id(
    await api("POST", `/catalog/modules/${module}/cases`, token, {
      document: {
        apiVersion: "rounds/v1",
        kind: "Case",
        name: "大额转账（慢）",
        options: { timeout_ms: 600_000 },
        steps: [
          {
            name: "转账",
            type: "request",
            request: { url: "{{base_url}}/gate-transfer" },
            options: { timeout_ms: 600_000 },
          },
          { name: "等待入账", type: "wait", duration_ms: 1000 },
        ],
      },
    }),
  );
  const { run_id: live } = await api<{ run_id: string }>("POST", "/runs", token, {
    case_ids: [...ids, slow],
    parallel: 1,
  });
  return { project, task, over, run, live, refund: ids[5] as number, all: ids };
}

export type Filled = Awaited<ReturnType<typeof fill>>;
