import { type DragEvent, type KeyboardEvent, type ReactNode, useCallback, useMemo, useRef, useState } from "react";
import "./tree.css";

export interface TreeNode {
  id: string;
  label: ReactNode;
  /** What type-ahead and screen readers take. */
  text: string;
  children?: TreeNode[];
  extra?: ReactNode;
}

interface Props {
  label: string;
  nodes: TreeNode[];
  selected: string | null;
  onSelect: (id: string) => void;
  /** Moves a node before another of the same tree (null: to the end) under a parent (null: the top). */
  onMove?: (id: string, parent: string | null, before: string | null) => void;
  /** Whether something may be dropped into it. */
  isFolder?: (id: string) => boolean;
  open?: boolean;
}

interface Row {
  node: TreeNode;
  level: number;
  parent: string | null;
  siblings: TreeNode[];
  index: number;
}

const ROW = 34;

function rowsOf(nodes: TreeNode[], shut: (id: string) => boolean, level = 1, parent: string | null = null): Row[] {
  return nodes.flatMap((node, index) => [
    { node, level, parent, siblings: nodes, index },
    ...(node.children?.length && !shut(node.id) ? rowsOf(node.children, shut, level + 1, node.id) : []),
  ]);
}

/** A tree with one tab stop: arrows move, Enter selects, Alt+arrows and dragging reorder. Long ones draw a window. */
export function TreeList({ label, nodes, selected, onSelect, onMove, isFolder, open = false }: Props) {
  const [flipped, setFlipped] = useState<Set<string>>(new Set());
  const [focused, setFocused] = useState<string | null>(null);
  const [over, setOver] = useState<{ id: string; into: boolean } | null>(null);
  const [top, setTop] = useState(0);
  const dragged = useRef<string | null>(null);
  const box = useRef<HTMLDivElement>(null);
  const isShut = useCallback((id: string) => flipped.has(id) === open, [flipped, open]);
  const rows = useMemo(() => rowsOf(nodes, isShut), [nodes, isShut]);
  const long = rows.length > 300;
  const first = long ? Math.max(0, Math.floor(top / ROW) - 20) : 0;
  const shown = long ? rows.slice(first, first + 80) : rows;
  const tabStop = focused ?? selected ?? rows[0]?.node.id;

  const flip = (id: string) => {
    const next = new Set(flipped);
    if (!next.delete(id)) next.add(id);
    setFlipped(next);
  };
  const focus = (row: Row | undefined) => {
    if (!row) return;
    setFocused(row.node.id);
    const at = rows.indexOf(row);
    const frame = box.current;
    if (long && frame && (at * ROW < frame.scrollTop || (at + 1) * ROW > frame.scrollTop + frame.clientHeight)) {
      frame.scrollTop = at * ROW - frame.clientHeight / 2;
      setTop(frame.scrollTop);
    }
    requestAnimationFrame(() =>
      box.current?.querySelector<HTMLElement>(`[data-id="${CSS.escape(row.node.id)}"]`)?.focus(),
    );
  };
  const shift = (row: Row, by: -1 | 1) => {
    const to = row.index + by;
    if (!onMove || to < 0 || to >= row.siblings.length) return;
    onMove(row.node.id, row.parent, row.siblings[by < 0 ? to : to + 1]?.id ?? null);
    focus(row);
  };
  const onKey = (event: KeyboardEvent, row: Row, at: number) => {
    if (event.target !== event.currentTarget) return;
    const folder = Boolean(row.node.children?.length);
    const shut = isShut(row.node.id);
    let act: (() => void) | undefined;
    if (event.altKey) {
      if (event.key === "ArrowDown") act = () => shift(row, 1);
      if (event.key === "ArrowUp") act = () => shift(row, -1);
    } else if (event.key === "ArrowDown") act = () => focus(rows[at + 1]);
    else if (event.key === "ArrowUp") act = () => focus(rows[at - 1]);
    else if (event.key === "ArrowRight" && folder) act = () => (shut ? flip(row.node.id) : focus(rows[at + 1]));
    else if (event.key === "ArrowLeft" && folder && !shut) act = () => flip(row.node.id);
    else if (event.key === "ArrowLeft") act = () => focus(rows.find((one) => one.node.id === row.parent));
    else if (event.key === "Home") act = () => focus(rows[0]);
    else if (event.key === "End") act = () => focus(rows.at(-1));
    else if (event.key === "Enter" || event.key === " ") act = () => onSelect(row.node.id);
    if (!act) return;
    event.preventDefault();
    act();
  };
  const drop = (event: DragEvent, row: Row) => {
    event.preventDefault();
    const id = dragged.current;
    dragged.current = null;
    setOver(null);
    if (!id || id === row.node.id || !onMove) return;
    if (over?.into) onMove(id, row.node.id, null);
    else onMove(id, row.parent, row.node.id);
  };
  const dragOver = (event: DragEvent, row: Row) => {
    if (!dragged.current) return;
    event.preventDefault();
    const bounds = event.currentTarget.getBoundingClientRect();
    setOver({
      id: row.node.id,
      into: Boolean(isFolder?.(row.node.id)) && event.clientY > bounds.top + bounds.height / 3,
    });
  };

  return (
    <div
      className={long ? "tree long" : "tree"}
      role="tree"
      aria-label={label}
      ref={box}
      onScroll={(event) => long && setTop(event.currentTarget.scrollTop)}
    >
      {long && <div style={{ height: first * ROW }} />}
      {shown.map((row, offset) => {
        const { id, text, children } = row.node;
        return (
          <div
            key={id}
            role="treeitem"
            data-id={id}
            aria-label={text}
            aria-level={row.level}
            aria-selected={id === selected}
            aria-expanded={children?.length ? !isShut(id) : undefined}
            aria-setsize={row.siblings.length}
            aria-posinset={row.index + 1}
            tabIndex={id === tabStop ? 0 : -1}
            className={`tree-row${id === selected ? " selected" : ""}${over?.id === id ? (over.into ? " drop-into" : " drop-before") : ""}`}
            style={{ paddingInlineStart: 6 + (row.level - 1) * 16 }}
            draggable={Boolean(onMove)}
            onDragStart={() => {
              dragged.current = id;
            }}
            onDragOver={(event) => dragOver(event, row)}
            onDragLeave={() => setOver(null)}
            onDrop={(event) => drop(event, row)}
            onClick={() => {
              setFocused(id);
              onSelect(id);
            }}
            onKeyDown={(event) => onKey(event, row, first + offset)}
          >
            <span
              className={`twist${children?.length ? (isShut(id) ? "" : " open") : " none"}`}
              aria-hidden="true"
              onClick={(event) => {
                event.stopPropagation();
                flip(id);
              }}
            />
            <span className="tree-label">{row.node.label}</span>
            {row.node.extra}
          </div>
        );
      })}
      {long && <div style={{ height: Math.max(0, rows.length - first - shown.length) * ROW }} />}
    </div>
  );
}
