import { type KeyboardEvent, type PointerEvent, useRef, useState } from "react";

const STEP = 24;

/** A height in pixels that is remembered under a name, within bounds. */
export function useHeight(name: string, start: number, least = 120, most = 1600) {
  const [height, setHeight] = useState(() => Number(localStorage.getItem(name)) || start);
  const set = (wanted: number) => {
    const next = Math.round(Math.min(most, Math.max(least, wanted)));
    localStorage.setItem(name, String(next));
    setHeight(next);
  };
  return { height, set, least, most };
}

/** The lower edge of a box: dragged, or moved by ↑ and ↓, it makes the box higher or lower. */
export function Resizer({ label, height, set, least, most }: { label: string } & ReturnType<typeof useHeight>) {
  const from = useRef<{ y: number; height: number }>(undefined);
  const onKeyDown = (event: KeyboardEvent) => {
    const change = { ArrowDown: STEP, ArrowUp: -STEP, PageDown: 4 * STEP, PageUp: -4 * STEP }[event.key];
    if (change === undefined) return;
    event.preventDefault();
    set(height + change);
  };
  const onPointerMove = (event: PointerEvent) => {
    if (from.current) set(from.current.height + event.clientY - from.current.y);
  };
  return (
    <div
      className="resizer"
      role="separator"
      tabIndex={0}
      aria-orientation="horizontal"
      aria-label={label}
      title={label}
      aria-valuenow={height}
      aria-valuemin={least}
      aria-valuemax={most}
      onKeyDown={onKeyDown}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        from.current = { y: event.clientY, height };
      }}
      onPointerMove={onPointerMove}
      onPointerUp={() => {
        from.current = undefined;
      }}
    />
  );
}
