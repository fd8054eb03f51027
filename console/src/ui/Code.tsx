import { lazy, Suspense } from "react";

export interface CodeProps {
  value: string;
  /** What it holds, for readers of the screen. */
  label: string;
  onChange?: (text: string) => void;
  language?: "json" | "text";
  /** Called with the offset that was clicked, or where Enter was pressed, and where on the screen that is. */
  onPick?: (offset: number, place: { x: number; y: number }) => void;
  /** Names offered after `{{`, and which of those in a text are unknown. */
  names?: string[];
  unknown?: (text: string) => string[];
  minHeight?: number;
  maxHeight?: number;
}

const Editor = lazy(() => import("./CodeEditor"));
const Merge = lazy(() => import("./CodeMerge"));

/** Code in an editor that is fetched when it is first shown. Read-only without `onChange`. */
export function Code(props: CodeProps) {
  return (
    <Suspense
      fallback={
        <pre
          className="code-box mono plain-code"
          style={{
            minHeight: props.minHeight ?? 120,
            maxHeight: props.maxHeight,
            paddingInlineStart: 38,
            paddingBlock: 4,
          }}
        >
          {props.value.slice(0, 5000)}
        </pre>
      }
    >
      <Editor {...props} />
    </Suspense>
  );
}

/** Two texts side by side, what differs marked. */
export function Diff(props: { before: string; after: string; label: string }) {
  return (
    <Suspense fallback={null}>
      <Merge {...props} />
    </Suspense>
  );
}
