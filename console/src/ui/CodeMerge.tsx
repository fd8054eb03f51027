import { json } from "@codemirror/lang-json";
import { unifiedMergeView } from "@codemirror/merge";
import { EditorState } from "@codemirror/state";
import { EditorView, lineNumbers } from "@codemirror/view";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { useDark } from "~/theme";
import { codeTheme } from "./codeTheme";

export default function CodeMerge({ before, after, label }: { before: string; after: string; label: string }) {
  const box = useRef<HTMLDivElement>(null);
  const dark = useDark();
  const unchanged = useTranslation().t("diff.unchanged", { lines: "$" });
  useEffect(() => {
    const view = new EditorView({
      parent: box.current as HTMLDivElement,
      state: EditorState.create({
        doc: after,
        extensions: [
          lineNumbers(),
          json(),
          EditorView.lineWrapping,
          codeTheme(dark),
          EditorState.readOnly.of(true),
          EditorState.phrases.of({ "$ unchanged lines": unchanged }),
          EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0", "aria-readonly": "true" }),
          unifiedMergeView({ original: before, mergeControls: false, collapseUnchanged: { margin: 3 } }),
        ],
      }),
    });
    return () => view.destroy();
  }, [before, after, label, dark, unchanged]);
  return <div ref={box} className="code-box" style={{ maxHeight: 520 }} />;
}
