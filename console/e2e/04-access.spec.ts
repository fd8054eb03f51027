import AxeBuilder from "@axe-core/playwright";
import { apiToken, BASE, enter, expect, runOf, type Seed, seed, test } from "./rounds";

let made: Seed;
let run: string;

test.beforeAll(async () => {
  const token = await apiToken();
  made = await seed(token, "Access");
  run = await runOf(token, [made.case]);
});

for (const language of ["zh", "en"]) {
  for (const theme of ["light", "dark"]) {
    test(`no serious barrier on any page, ${language}, ${theme}`, async ({ context, page }) => {
      test.setTimeout(180_000);
      await enter(context, language, theme);
      const pages = [
        "/",
        `/p/${made.project}/cases`,
        `/p/${made.project}/cases/${made.case}`,
        `/p/${made.project}/environments`,
        `/p/${made.project}/settings`,
        "/tasks",
        `/tasks/new?cases=${made.case}`,
        "/runs",
        `/runs/${run}`,
        "/projects",
        "/me",
        "/me/tokens",
        "/admin/users",
        "/admin/deliveries",
        "/admin/health",
        "/admin/audit",
        "/nowhere",
      ];
      const found: string[] = [];
      for (const path of pages) {
        await page.goto(`${BASE}/console${path}`);
        await page.locator("h1").first().waitFor();
        await page.waitForLoadState("networkidle");
        const { violations } = await new AxeBuilder({ page })
          .withTags(["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"])
          .analyze();
        for (const one of violations.filter(({ impact }) => impact === "serious" || impact === "critical")) {
          found.push(
            `${path} ${one.id} ${one.nodes
              .map((node) => node.html.slice(0, 160))
              .slice(0, 3)
              .join(" | ")}`,
          );
        }
      }
      expect(found).toEqual([]);
    });
  }
}

test("every answer of the console carries the policy, and index.html has no script of its own", async () => {
  const page = await fetch(`${BASE}/console/runs/1`);
  const html = await page.text();
  const asset = /src="(\/console\/assets\/[^"]+\.js)"/.exec(html)?.[1];
  for (const path of ["/console/", "/console/runs/1", asset as string]) {
    const { headers } = await fetch(BASE + path);
    expect(headers.get("content-security-policy")).toContain("script-src 'self';");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
  }
  expect(html).not.toMatch(/<script(?![^>]*src=)/);
});
