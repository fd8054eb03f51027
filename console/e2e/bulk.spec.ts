import { api, apiToken, BASE, enter, expect, FULL, seed, settle, test } from "./rounds";
import { sql } from "./sql";

test("27: 10,000 cases in 2,000 modules keep the page below 4,000 nodes, and paging is one call", async ({
  inside: page,
}) => {
  const token = await apiToken();
  const made = await seed(token, "Many");
  const who = "now(), now(), 1, 1";
  sql(`
    INSERT INTO catalog.module (project_id, parent_id, name, rank, case_count, revision, created_at, updated_at,
        created_by_id, updated_by_id)
    SELECT ${made.project}, NULL, 'module ' || n, n * 1000, 5, 1, ${who} FROM generate_series(1, 2000) n;
    INSERT INTO catalog."case" (project_id, module_id, name, folded_name, grams, tags, step_count, revision, created_at,
        updated_at, created_by_id, updated_by_id)
    SELECT ${made.project}, m.id, 'case ' || m.name || '.' || n, lower('case ' || m.name || '.' || n), '{}', '{}', 1, 1,
        ${who}
    FROM catalog.module m, generate_series(1, 5) n
    WHERE m.project_id = ${made.project} AND m.name LIKE 'module %';
    UPDATE catalog.project SET case_count = 10001 WHERE id = ${made.project};
  `);
  await page.goto(`${BASE}/console/p/${made.project}/cases`);
  await expect(page.getByRole("treeitem").first()).toBeVisible();
  await expect(page.getByRole("row")).toHaveCount(21);
  const nodes = () => page.evaluate(() => document.querySelectorAll("*").length);
  expect(await nodes()).toBeLessThan(4000);
  await page.getByRole("treeitem").first().focus();
  await page.keyboard.press("End");
  await expect(page.getByRole("treeitem", { name: "module 2000" })).toBeFocused();
  expect(await nodes()).toBeLessThan(4000);
  const calls: string[] = [];
  page.on("request", (request) => {
    if (!request.url().includes("/console/")) calls.push(new URL(request.url()).pathname);
  });
  await page.getByRole("listitem", { name: "2", exact: true }).click();
  await expect(page).toHaveURL(/page=/);
  await expect(page.getByRole("row")).toHaveCount(21);
  await expect.poll(() => calls.includes("/runs/last")).toBe(true);
  expect(calls.filter((path) => path.startsWith("/catalog/"))).toEqual(["/catalog/cases"]);
});

test("a run of a thousand cases is read on the page", async ({ context, page }) => {
  test.setTimeout(600_000);
  const token = await apiToken();
  await enter(context);
  const path = `/bulk-${Date.now()}`;
  await settle(path, { state: "refunded" });
  const made = await seed(token, "Thousand", path);
  const bad = await seed(token, "Bad");
  const count = FULL ? 999 : 299;
  const [{ id: first }] = (await api<{ data: { id: number }[] }>("GET", `/catalog/cases?ids=${made.case}`, token))
    .data as [{ id: number }];
  sql(`
    WITH made AS (
      INSERT INTO catalog."case" (project_id, module_id, name, folded_name, grams, tags, step_count, revision, created_at,
          updated_at, created_by_id, updated_by_id)
      SELECT project_id, module_id, 'copy ' || n, 'copy ' || n, '{}', '{}', 2, 1, now(), now(), 1, 1
      FROM catalog."case", generate_series(1, ${count - 1}) n WHERE id = ${first} RETURNING id, module_id
    )
    INSERT INTO catalog.case_revision (case_id, revision, module_id, document, created_at, created_by_id)
    SELECT made.id, 1, made.module_id, r.document, now(), 1
    FROM made, catalog.case_revision r WHERE r.case_id = ${first};
  `);
  const ids: number[] = [];
  for (let at = 1; ids.length < count; at++) {
    const query = `project_id=${made.project}&page_size=200&page=${at}&sort=name`;
    ids.push(
      ...(await api<{ data: { id: number }[] }>("GET", `/catalog/cases?${query}`, token)).data.map(({ id }) => id),
    );
  }
  const { run_id } = await api<{ run_id: string }>("POST", "/runs", token, {
    case_ids: [...ids, bad.case],
    parallel: 1,
    max_parallel: 100,
  });
  await page.goto(`${BASE}/console/runs/${run_id}`);
  await expect(page.getByRole("button", { name: "重跑失败用例" })).toBeVisible({ timeout: FULL ? 300_000 : 100_000 });
  await expect(page.getByRole("region", { name: "second" })).toBeVisible();
  await page.getByRole("button", { name: `已通过 ${count} 个` }).click();
  const nodes = await page.evaluate(() => document.querySelectorAll("*").length);
  expect(nodes).toBeLessThan(4000);
});
