import { useEffect, useRef } from "react";
import { visible } from "~/lib/bidi";

const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|-?\d[\d.eE+-]*|\b(?:true|false|null)\b/g;
const MOST = 20_000;

/** Code to read, without an editor: one text node, coloured by the browser's own highlights where it has them. */
export function PlainCode({ value, label }: { value: string; label: string }) {
  const box = useRef<HTMLPreElement>(null);
  const shown = visible(value);
  useEffect(() => {
    const text = box.current?.firstChild;
    if (!text || !("highlights" in CSS) || !/^\s*[[{]/.test(shown)) return;
    const mine: [Highlight, Range][] = [];
    let count = 0;
    for (const match of shown.matchAll(TOKEN)) {
      if (++count > MOST) break;
      const [word, string, colon] = match;
      const kind = string ? (colon ? "code-key" : "code-string") : /^[tfn]/.test(word) ? "code-word" : "code-number";
      const range = new Range();
      range.setStart(text, match.index);
      range.setEnd(text, match.index + (string ?? word).length);
      const all = CSS.highlights.get(kind) ?? new Highlight();
      CSS.highlights.set(kind, all);
      all.add(range);
      mine.push([all, range]);
    }
    return () => {
      for (const [all, range] of mine) all.delete(range);
    };
  }, [shown]);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it
    <pre ref={box} className="code-box mono plain-code" tabIndex={0} role="region" aria-label={label}>
      {shown}
    </pre>
  );
}
