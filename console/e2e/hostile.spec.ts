import { api, apiToken, BASE, expect, open, pasteCurl, runOf, seed, settle, TARGET, TESTER, test } from "./rounds";

const HTML = `<img src=x onerror="window.__xss=1"></script><script>window.__xss=1</script>`;
/** Names of at most 100 characters. */
const NAMES = [
  `<img src=x onerror="window.__xss=1"></script><script>window.__xss=1</script>\\{{7*7}}`,
  `<a href="javascript:window.__xss=1">x</a><svg onload=window.__xss=1>`,
  `\u202egnp.exe\u2066 \u200bhidden`,
  `'-alert(1)-' " onfocus=window.__xss=1 autofocus x="`,
];

test("28: hostile names, headers, bodies, addresses, errors, pastes and mails are shown as text", async ({
  inside: page,
}) => {
  test.setTimeout(240_000); // two dozen pages
  const token = await apiToken();
  const made = await seed(token, "Hostile");
  const path = `/hostile-${Date.now()}`;
  await settle(path, {
    [HTML]: HTML,
    link: "javascript:window.__xss=1",
    mirrored: "\u202egnp.exe",
    long: "w".repeat(1_000_000),
  });
  const id = (answer: Promise<{ id: number }>) => answer.then((one) => one.id);
  const project = await id(
    api("POST", "/catalog/projects", token, {
      name: `${NAMES[0]?.slice(0, 80)} ${Date.now()}`,
      description: HTML,
      variables: { v: HTML },
    }),
  );
  for (const name of NAMES)
    await api("POST", `/catalog/projects/${project}/environments`, token, {
      name,
      base_urls: { default: TARGET, odd: `https://x.test/${encodeURIComponent(HTML)}` },
      headers: { "X-Odd": HTML },
      variables: { hostile: HTML },
    });
  const modules = await Promise.all(
    NAMES.map((name) => id(api("POST", `/catalog/projects/${project}/modules`, token, { name }))),
  );
  const cases: number[] = [];
  for (const [at, name] of NAMES.entries()) {
    const document = {
      apiVersion: "rounds/v1",
      kind: "Case",
      name,
      tags: [name.slice(0, 40)],
      variables: { hostile: HTML },
      steps: [
        {
          name,
          type: "request",
          request: {
            method: "POST",
            url: `{{base_url}}${path}?${encodeURIComponent(HTML)}`,
            headers: { "X-Hostile": HTML },
            body: { text: HTML },
          },
          captures: [{ name: "taken", query: { type: "jsonpath", expr: "$.link" } }],
          asserts: [{ query: { type: "jsonpath", expr: "$.link" }, predicate: "==", value: HTML }],
        },
        {
          name,
          type: "request",
          request: { url: `http://${encodeURIComponent("<img>")}.invalid/${HTML.slice(0, 20)}` },
        },
      ],
    };
    cases.push(await id(api("POST", `/catalog/modules/${modules[at]}/cases`, token, { document })));
  }
  const run = await runOf(token, cases);
  const { data: found } = await api<{ data: { id: number }[] }>("GET", `/user/user-view?search=${TESTER}`, token);
  const { task_id } = await api<{ task_id: number }>("POST", "/api-data/schedule-api-cases", token, {
    case_ids: cases.slice(0, 1),
    parallel: 0,
    owner_ids: found.map((one) => one.id),
    startTime: "2099-01-01T00:00:00",
    task_name: NAMES[0],
  });
  const fired = await api<{ run_id: string }>("POST", `/scheduler/tasks/${task_id}/fire`, token);
  const delivered = () =>
    api<{ data: { status: string }[] }>("GET", `/notifications/deliveries?run_id=${fired.run_id}`, token);
  await expect
    .poll(async () => (await delivered()).data.map(({ status }) => status), { timeout: 40_000 })
    .toEqual(["sent"]);

  await page.addInitScript(() => {
    const told: string[] = [];
    Object.assign(window, { __refused: told });
    document.addEventListener("securitypolicyviolation", (event) => told.push(event.violatedDirective));
  });
  const look = async (where: string) => {
    const state = await page.evaluate(() => ({
      xss: (window as { __xss?: number }).__xss,
      refused: (window as { __refused?: string[] }).__refused,
      made: document.querySelectorAll("img[src=x], svg[onload], [onerror], [onfocus], body script:not([src])").length,
      links: [...document.querySelectorAll("a[href]")]
        .filter((one) => !(one as HTMLAnchorElement).href.startsWith(location.origin))
        .filter(
          (one) =>
            !/^https?:/.test((one as HTMLAnchorElement).href) ||
            !/noopener noreferrer/.test((one as HTMLAnchorElement).rel),
        )
        .map((one) => one.outerHTML),
    }));
    expect(state, where).toEqual({ xss: undefined, refused: [], made: 0, links: [] });
  };
  for (const route of [
    "/projects",
    `/p/${project}/cases`,
    ...cases.map((one) => `/p/${project}/cases/${one}`),
    `/p/${project}/environments`,
    `/p/${project}/settings`,
    "/tasks",
    `/tasks/${task_id}`,
    "/runs",
    ...cases.map((one) => `/runs/${run}/cases/${one}`),
    "/",
    "/admin/audit",
  ]) {
    await open(page, route);
    await look(route);
  }
  await page.goto(`${BASE}/console/runs/${run}/cases/${cases[0]}`);
  await expect(page.getByText("<img src=x").first()).toBeVisible();
  await expect(page.getByText("‹U+202E›gnp.exe").first()).toBeAttached();
  for (const tab of await page.getByRole("tab").all()) {
    await tab.click();
    await look(`the report's ${await tab.textContent()}`);
  }
  await page.goto(`${BASE}/console/admin/deliveries?run=${fired.run_id}`);
  await page.getByRole("button", { name: "查看" }).first().click();
  await expect(page.getByRole("dialog").getByText("img src=x").first()).toBeVisible();
  await look("the mail");

  await page.goto(`${BASE}/console/p/${made.project}/cases/${made.case}`);
  const dialog = await pasteCurl(
    page,
    `curl 'https://x.test/${HTML.replaceAll("'", "")}' -H 'X: ${HTML}' --colour '${HTML}'`,
  );
  await expect(dialog.getByRole("button", { name: /插入/ })).toBeVisible();
  await look("the paste");
  await dialog.getByRole("button", { name: /插入/ }).click();
  await look("the pasted step");
});
