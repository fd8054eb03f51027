// Holds the built page to its budgets: what each page fetches, gzipped, by the graph of its chunks.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

const dist = new URL("../dist/", import.meta.url).pathname;
const manifest = JSON.parse(readFileSync(join(dist, ".vite/manifest.json"), "utf8"));
const KB = 1024;
const size = (file) => statSync(join(dist, `${file}.gz`)).size;

/** Files that a chunk needs before it runs: itself, what it imports, their styles. */
function closure(key, found = new Set(), seen = new Set()) {
  if (seen.has(key)) return found;
  seen.add(key);
  const chunk = manifest[key];
  found.add(chunk.file);
  for (const style of chunk.css ?? []) found.add(style);
  for (const next of chunk.imports ?? []) closure(next, found, seen);
  return found;
}

const keyOf = (end) => {
  const key = Object.keys(manifest).find((one) => one.endsWith(end));
  if (!key) throw new Error(`no chunk ${end}`);
  return key;
};
const together = (...ends) => {
  const found = new Set();
  for (const end of ends) closure(keyOf(end), found);
  return [...found];
};
const start = ["index.html", "antd/es/locale/zh_CN.js"];
const shell = [...start, "home/Shell.tsx"];
const code = ["ui/CodeEditor.tsx"];

/** Page, its files, the budget in KB, the budget in files. */
const budgets = [
  ["login", together(...start), 320, 22],
  ["home", together(...shell, "home/HomePage.tsx"), 420],
  ["cases", together(...shell, "cases/CasesPage.tsx"), 420],
  ["tasks", together(...shell, "tasks/TasksPage.tsx"), 420],
  ["runs", together(...shell, "runs/RunsPage.tsx"), 420],
  ["editor without code", together(...shell, "cases/CasePage.tsx"), 480],
  ["report without diff", together(...shell, "runs/RunPage.tsx"), 420],
  [
    "code, when first shown",
    together(...code).filter((file) => !together(...shell, "cases/CasePage.tsx").includes(file)),
    120,
  ],
];
const all = readdirSync(join(dist, "assets")).filter((name) => name.endsWith(".gz"));
const total = all.reduce((sum, name) => sum + statSync(join(dist, "assets", name)).size, 0);
let bad = 0;
const line = (name, bytes, budget, note = "") => {
  const over = bytes > budget * KB;
  bad += Number(over);
  console.log(
    `${over ? "OVER" : "ok  "}  ${name.padEnd(24)} ${(bytes / KB).toFixed(0).padStart(4)} KB of ${budget}${note}`,
  );
};
for (const [name, files, budget, most] of budgets) {
  line(
    name,
    files.reduce((sum, file) => sum + size(file), 0),
    budget,
    `, ${files.length} files`,
  );
  if (most && files.length > most) {
    bad++;
    console.log(`OVER  ${name}: more than ${most} files`);
  }
}
line("everything", total, 900);
process.exit(bad ? 1 : 0);
