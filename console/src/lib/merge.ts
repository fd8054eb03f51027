import { type Json, sameJson } from "./json";

export type Choice = "mine" | "theirs";

/** A place that both sides changed, each in another way; undefined: it was removed there. */
export interface Conflict {
  /** Where, in the state that both began from: `steps[1].request.url`. */
  path: string;
  mine: Json | undefined;
  theirs: Json | undefined;
}

export interface Merged {
  value: Json | undefined;
  conflicts: Conflict[];
}

type Fields = Record<string, Json>;

const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const equal = (a: unknown, b: unknown) => (a === undefined || b === undefined ? a === b : sameJson(a, b));

/**
 * Bring two changes of one state together: what only one side changed is taken, inside of objects and lists too. What
 * both changed is a conflict, settled by `choices` (by path); mine stands in it until then.
 */
export function merge(
  base: Json | undefined,
  mine: Json | undefined,
  theirs: Json | undefined,
  choices: Record<string, Choice> = {},
  path = "",
): Merged {
  if (equal(mine, theirs) || equal(base, theirs)) return { value: mine, conflicts: [] };
  if (equal(base, mine)) return { value: theirs, conflicts: [] };
  if (isObject(mine) && isObject(theirs) && (isObject(base) || base === undefined)) {
    return mergeObjects(base ?? {}, mine, theirs, choices, path);
  }
  if (Array.isArray(base) && Array.isArray(mine) && Array.isArray(theirs)) {
    return mergeLists(base, mine, theirs, choices, path);
  }
  return { value: choices[path] === "theirs" ? theirs : mine, conflicts: [{ path, mine, theirs }] };
}

function mergeObjects(base: Fields, mine: Fields, theirs: Fields, choices: Record<string, Choice>, path: string) {
  const value: Fields = {};
  const conflicts: Conflict[] = [];
  for (const key of new Set([...Object.keys(mine), ...Object.keys(theirs)])) {
    const one = merge(base[key], mine[key], theirs[key], choices, path ? `${path}.${key}` : key);
    if (one.value !== undefined) value[key] = one.value;
    conflicts.push(...one.conflicts);
  }
  return { value, conflicts };
}

/** What makes an item of a list the same item after a change: its id, its name, or the name of a pair. */
function identity(item: Json): string | null {
  if (Array.isArray(item)) return typeof item[0] === "string" && item.length === 2 ? `pair ${item[0]}` : null;
  if (!isObject(item)) return null;
  const name = item.id ?? item.name;
  return name ? `${item.type} ${name}` : null;
}

function alike(a: Json, b: Json): boolean {
  const one = identity(a);
  return sameJson(a, b) || (one !== null && one === identity(b));
}

interface Aligned {
  /** For each item of the base what became of it; undefined: it was removed. */
  now: (Json | undefined)[];
  /** For each gap before an item of the base, and the one at the end, what was put in. */
  added: Json[][];
}

/** Find the items of a list again in a changed one, by the longest run of like items in order. */
function align(base: Json[], changed: Json[]): Aligned {
  const rows = base.length;
  const columns = changed.length;
  const length = Array.from({ length: rows + 1 }, () => new Array<number>(columns + 1).fill(0));
  const at = (row: number, column: number) => length[row]?.[column] ?? 0;
  for (let row = rows - 1; row >= 0; row--) {
    for (let column = columns - 1; column >= 0; column--) {
      (length[row] as number[])[column] = alike(base[row] as Json, changed[column] as Json)
        ? at(row + 1, column + 1) + 1
        : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  const pairs: [number, number][] = [];
  for (let row = 0, column = 0; row < rows && column < columns; ) {
    if (alike(base[row] as Json, changed[column] as Json) && at(row, column) === at(row + 1, column + 1) + 1) {
      pairs.push([row++, column++]);
    } else if (at(row + 1, column) >= at(row, column + 1)) row++;
    else column++;
  }
  const now: (Json | undefined)[] = new Array(rows).fill(undefined);
  const added: Json[][] = Array.from({ length: rows + 1 }, () => []);
  let row = 0;
  let column = 0;
  for (const [nextRow, nextColumn] of [...pairs, [rows, columns] as [number, number]]) {
    // As many items on both sides between two found ones: they were changed, not replaced.
    const changedOnes = nextRow - row === nextColumn - column;
    for (; row < nextRow; row++) if (changedOnes) now[row] = changed[column++];
    added[nextRow]?.push(...changed.slice(column, nextColumn));
    if (nextRow < rows) now[nextRow] = changed[nextColumn];
    row = nextRow + 1;
    column = nextColumn + 1;
  }
  return { now, added };
}

function mergeLists(base: Json[], mine: Json[], theirs: Json[], choices: Record<string, Choice>, path: string) {
  const left = align(base, mine);
  const right = align(base, theirs);
  const value: Json[] = [];
  const conflicts: Conflict[] = [];
  for (let index = 0; index <= base.length; index++) {
    const put = left.added[index] ?? [];
    value.push(...put, ...(right.added[index] ?? []).filter((item) => !put.some((other) => sameJson(item, other))));
    if (index === base.length) break;
    const one = merge(base[index], left.now[index], right.now[index], choices, `${path}[${index}]`);
    if (one.value !== undefined) value.push(one.value);
    conflicts.push(...one.conflicts);
  }
  return { value, conflicts };
}
