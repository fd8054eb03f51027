import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { bracketMatching, foldGutter, foldKeymap } from "@codemirror/language";
import { Compartment, EditorState } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightSpecialChars,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { useEffect, useRef } from "react";
import { useDark } from "~/theme";
import type { CodeProps } from "./Code";
import { markUnknown, offerNames } from "./codeNames";
import { codeTheme } from "./codeTheme";

/** Past this many characters nothing is coloured: the parser would hold up the page. */
const COLOUR_LIMIT = 2_000_000;

export default function CodeEditor({
  value,
  label,
  onChange,
  language = "json",
  onPick,
  names,
  unknown,
  minHeight = 120,
  maxHeight = 420,
}: CodeProps) {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const theme = useRef(new Compartment());
  const marks = useRef(new Compartment());
  const handlers = useRef({ onChange, onPick, names });
  handlers.current = { onChange, onPick, names };
  const dark = useDark();
  const writable = Boolean(onChange);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the editor is made once, later values are dispatched into it
  useEffect(() => {
    const pick = (editor: EditorView, offset: number) => {
      const place = editor.coordsAtPos(offset);
      handlers.current.onPick?.(offset, { x: place?.left ?? 0, y: place?.bottom ?? 0 });
    };
    const made = new EditorView({
      parent: box.current as HTMLDivElement,
      state: EditorState.create({
        doc: value,
        extensions: [
          lineNumbers(),
          foldGutter(),
          highlightSpecialChars({ addSpecialChars: /[\u202a-\u202e\u2060-\u2069\u200b-\u200f]/g }),
          drawSelection(),
          highlightActiveLine(),
          bracketMatching(),
          history(),
          EditorView.lineWrapping,
          language === "json" && value.length < COLOUR_LIMIT ? json() : [],
          theme.current.of(codeTheme(dark)),
          marks.current.of(unknown ? markUnknown(unknown) : []),
          writable && names ? offerNames(() => handlers.current.names ?? []) : [],
          EditorState.readOnly.of(!writable),
          EditorView.contentAttributes.of({
            "aria-label": label,
            tabindex: "0",
            ...(writable ? {} : { "aria-readonly": "true" }),
          }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) handlers.current.onChange?.(update.state.doc.toString());
          }),
          EditorView.domEventHandlers({
            click: (event, editor) => {
              const offset = editor.posAtCoords({ x: event.clientX, y: event.clientY });
              if (offset !== null && editor.state.selection.main.empty) pick(editor, offset);
            },
          }),
          keymap.of([
            {
              key: "Enter",
              run: (editor) => {
                if (writable || !handlers.current.onPick) return false;
                pick(editor, editor.state.selection.main.head);
                return true;
              },
            },
            ...(writable ? [indentWithTab] : []),
            ...defaultKeymap,
            ...historyKeymap,
            ...foldKeymap,
          ]),
        ],
      }),
    });
    view.current = made;
    return () => made.destroy();
  }, [label, language, writable]);

  useEffect(() => {
    const editor = view.current;
    if (editor && editor.state.doc.toString() !== value) {
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
    }
  }, [value]);
  useEffect(() => {
    view.current?.dispatch({ effects: marks.current.reconfigure(unknown ? markUnknown(unknown) : []) });
  }, [unknown]);
  useEffect(() => {
    view.current?.dispatch({ effects: theme.current.reconfigure(codeTheme(dark)) });
  }, [dark]);

  return <div ref={box} className="code-box" style={{ minHeight, maxHeight }} />;
}
