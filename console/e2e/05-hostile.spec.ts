import { api, apiToken, BASE, expect, runOf, seed, test } from "./rounds";

const HOSTILE = `<img src=x onerror="window.__xss=1"></script><script>window.__xss=1</script>{{7*7}}`;

test("hostile names and bodies are shown as text", async ({ inside: page }) => {
  const token = await apiToken();
  const made = await seed(token, "Hostile");
  const document = {
    apiVersion: "rounds/v1",
    kind: "Case",
    name: HOSTILE.slice(0, 90),
    steps: [
      {
        name: "x\u202ey",
        type: "request",
        request: { method: "POST", url: "{{base_url}}/x", body: { text: HOSTILE.replace("{{", "\\{{") } },
        asserts: [
          { query: { type: "jsonpath", expr: "$.state" }, predicate: "==", value: HOSTILE.replace("{{", "\\{{") },
        ],
      },
    ],
  };
  const hostile = await api<{ id: number }>("POST", `/catalog/modules/${made.module}/cases`, token, { document });
  const run = await runOf(token, [hostile.id]);
  const refused: string[] = [];
  page.on("console", (message) => {
    if (message.text().includes("Content Security Policy")) refused.push(message.text());
  });
  for (const path of [`/p/${made.project}/cases`, `/p/${made.project}/cases/${hostile.id}`, `/runs/${run}`]) {
    await page.goto(`${BASE}/console${path}`);
    await expect(page.getByText("<img src=x").first()).toBeVisible();
    expect(await page.evaluate(() => (window as { __xss?: number }).__xss)).toBeUndefined();
    expect(await page.locator("img[src=x]").count()).toBe(0);
  }
  expect(refused).toEqual([]);
});
