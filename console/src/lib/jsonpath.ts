/** What stands in JSON text under a place: its path and its raw text. */
export interface Found {
  path: string;
  raw: string;
  kind: "object" | "array" | "string" | "number" | "boolean" | "null";
  /** Children of an array. */
  length: number | null;
}

interface Level {
  start: number;
  path: string;
  array: boolean;
  index: number;
  key: string;
}

/** One more step of a JSONPath (RFC 9535): `.name` for plain names, else `['…']`, which every reader of paths takes. */
export function child(path: string, key: string | number): string {
  if (typeof key === "number") return `${path}[${key}]`;
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) return `${path}.${key}`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 9535 wants them escaped
  const quoted = key.replace(/[\\']/g, "\\$&").replace(/[\u0000-\u001f]/g, escapeControl);
  return `${path}['${quoted}']`;
}

/** The path of all items beside one: the last index of a path becomes `[*]`; null where it has none. */
export function everyItem(path: string): string | null {
  let at = -1;
  let quote = false;
  for (let index = 0; index < path.length; index++) {
    if (path[index] === "\\" && quote) index++;
    else if (path[index] === "'") quote = !quote;
    else if (path[index] === "[" && !quote && /\d/.test(path[index + 1] as string)) at = index;
  }
  return at < 0 ? null : `${path.slice(0, at)}[*]${path.slice(path.indexOf("]", at) + 1)}`;
}

function escapeControl(char: string): string {
  const short: Record<string, string> = { "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t" };
  return short[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function stringEnd(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at + 1;
  }
  return text.length;
}

/**
 * The innermost value of JSON text at an offset, its key included; null where the text is no JSON or the offset is
 * outside. One pass over the raw text: digits are never read as numbers.
 */
export function valueAt(text: string, offset: number): Found | null {
  const levels: Level[] = [];
  let key: string | null = null;
  let keyStart = 0;
  let at = 0;
  const pathHere = () => {
    const level = levels.at(-1);
    if (!level) return "$";
    return child(level.path, level.array ? level.index : level.key);
  };
  while (at < text.length) {
    const char = text[at] as string;
    const level = levels.at(-1);
    if (char === '"') {
      const end = stringEnd(text, at);
      if (level && !level.array && key === null) {
        key = JSON.parse(text.slice(at, end)) as string;
        keyStart = at;
        level.key = key;
        at = end;
        continue;
      }
      if (offset >= (key === null ? at : keyStart) && offset <= end) {
        return { path: pathHere(), raw: text.slice(at, end), kind: "string", length: null };
      }
      at = end;
    } else if (char === "{" || char === "[") {
      if (key !== null && offset >= keyStart && offset <= at) return container(text, at, pathHere());
      levels.push({ start: at, path: pathHere(), array: char === "[", index: 0, key: "" });
      key = null;
      at++;
    } else if (char === "}" || char === "]") {
      const closed = levels.pop();
      if (!closed) return null;
      at++;
      if (offset >= closed.start && offset < at) return container(text, closed.start, closed.path);
      key = levels.at(-1)?.array === false ? "" : null;
    } else if (char === ",") {
      if (level) level.index++;
      key = null;
      at++;
    } else if (/[\s:]/.test(char)) {
      at++;
    } else {
      const match = /^[^\s,\]}]+/.exec(text.slice(at, at + 5000));
      const end = at + (match?.[0].length ?? 1);
      if (offset >= (key === null ? at : keyStart) && offset <= end) {
        const raw = text.slice(at, end);
        const kind = raw === "null" ? "null" : raw === "true" || raw === "false" ? "boolean" : "number";
        if (kind === "number" && !/^-?\d/.test(raw)) return null;
        return { path: pathHere(), raw, kind, length: null };
      }
      at = end;
    }
  }
  return null;
}

function container(text: string, start: number, path: string): Found {
  let depth = 0;
  let length = 0;
  let empty = true;
  for (let at = start; at < text.length; at++) {
    const char = text[at] as string;
    if (char === '"') at = stringEnd(text, at) - 1;
    else if (char === "{" || char === "[") depth++;
    else if (char === "}" || char === "]") depth--;
    else if (char === "," && depth === 1) length++;
    if (depth === 0) {
      const array = text[start] === "[";
      return {
        path,
        raw: text.slice(start, at + 1),
        kind: array ? "array" : "object",
        length: array ? (empty ? 0 : length + 1) : null,
      };
    }
    if (at > start && !/\s/.test(char)) empty = false;
  }
  return { path, raw: text.slice(start), kind: "object", length: null };
}
