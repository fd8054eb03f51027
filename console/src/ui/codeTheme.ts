import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

/** How code looks, in the colours of the page. */
export function codeTheme(dark: boolean) {
  const style = HighlightStyle.define([
    { tag: [tags.propertyName], color: dark ? "#9cdcfe" : "#0a3c83" },
    { tag: [tags.string], color: dark ? "#ce9178" : "#8a2a0a" },
    { tag: [tags.number], color: dark ? "#b5cea8" : "#0b6039" },
    { tag: [tags.bool, tags.null], color: dark ? "#c586c0" : "#6b2199" },
  ]);
  const colors = EditorView.theme(
    {
      "&": { fontSize: "12.5px", backgroundColor: "transparent" },
      "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "-2px" },
      ".cm-scroller": {
        fontFamily: 'ui-monospace, "SF Mono", Menlo, Consolas, "Noto Sans Mono", "DejaVu Sans Mono", monospace',
        lineHeight: "1.6",
      },
      ".cm-gutters": { backgroundColor: "transparent", border: "none", color: dark ? "#8c8c8c" : "#6b6b6b" },
      ".cm-collapsedLines::before, .cm-collapsedLines::after": { content: "none" },
      "&.cm-merge-b .cm-changedLine": { backgroundColor: "var(--add)" },
      ".cm-deletedChunk.cm-deletedChunk": { backgroundColor: "var(--del)" },
      "&.cm-merge-b .cm-changedText, .cm-deletedChunk .cm-deletedText": {
        background: dark ? "#ffffff2e" : "#00000021",
      },
      ".cm-cursor": { borderLeftColor: "currentColor" },
      ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: dark ? "#ffffff0d" : "#0000000a" },
      ".cm-selectionBackground, &.cm-focused .cm-selectionBackground": {
        backgroundColor: dark ? "#264f78" : "#b9d6fb",
      },
    },
    { dark },
  );
  return [syntaxHighlighting(style), colors];
}
