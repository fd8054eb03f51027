import "./status.css";
import { useWord } from "./words";

const SHAPES = {
  disc: <circle cx="8" cy="8" r="7.500" />,
  check: (
    <>
      <circle cx="8" cy="8" r="7.500" />
      <path className="cut" d="M4.500 8.300l2.400 2.400 4.600-5" />
    </>
  ),
  cross: (
    <>
      <circle cx="8" cy="8" r="7.500" />
      <path className="cut" d="M5.300 5.300l5.400 5.400M10.700 5.300l-5.400 5.400" />
    </>
  ),
  triangle: (
    <>
      <path d="M8 .8L15.800 15H.2z" />
      <path className="cut" d="M8 5.800v4.200M8 12v.9" />
    </>
  ),
  turning: <path className="line turning" d="M13.500 8A5.500 5.500 0 1 1 11 3.400M11 .8v3h-3" />,
  skip: <path className="line" d="M2 11c1-6 9-6.500 11-2M13.500 4.500V9H9" />,
  clock: <path className="line" d="M8 1.500a6.500 6.500 0 1 1 0 13 6.500 6.500 0 1 1 0-13M8 4.500V8l2.500 1.500" />,
  square: (
    <>
      <rect x="1" y="1" width="14" height="14" rx="2.500" />
      <path className="cut" d="M4.500 8.300l2.400 2.400 4.600-5" />
    </>
  ),
  barred: <path className="line" d="M8 1.500a6.500 6.500 0 1 1 0 13 6.500 6.500 0 1 1 0-13M3.600 12.400l8.800-8.800" />,
  pause: <path className="line" d="M5.500 3v10M10.500 3v10" />,
  wave: (
    <path
      className="line"
      d="M1.500 6.500c2-3 4.500-2 6.500-.5s4.500 2.500 6.500-.5M1.500 11.500c2-3 4.500-2 6.500-.5s4.500 2.500 6.500-.5"
    />
  ),
  gear: (
    <path
      className="line"
      d="M8 5.200a2.800 2.800 0 1 1 0 5.600 2.800 2.800 0 1 1 0-5.600M8 1v2.500M8 12.500V15M1 8h2.500M12.500 8H15M3 3l1.800 1.800M11.200 11.200L13 13M13 3l-1.800 1.800M4.800 11.200L3 13"
    />
  ),
};

const LOOKS: Record<string, [keyof typeof SHAPES, string]> = {
  passed: ["check", "good"],
  sent: ["check", "good"],
  alive: ["check", "good"],
  completed: ["square", "good"],
  failed: ["cross", "bad"],
  error: ["triangle", "warn"],
  lost: ["triangle", "warn"],
  missed: ["triangle", "warn"],
  silent: ["triangle", "warn"],
  overdue: ["triangle", "warn"],
  running: ["turning", "busy"],
  started: ["turning", "busy"],
  sending: ["turning", "busy"],
  cancelling: ["turning", "busy"],
  fired: ["turning", "busy"],
  skipped: ["skip", "calm"],
  disabled: ["skip", "calm"],
  pending: ["clock", "calm"],
  queued: ["clock", "calm"],
  waiting: ["clock", "calm"],
  cancelled: ["barred", "calm"],
  paused: ["pause", "calm"],
  flaky: ["wave", "odd"],
  platform: ["gear", "calm"],
};

interface Props {
  status: string;
  /** A number beside it, in place of the word's own line. */
  count?: number;
  /** The word is for readers of the screen only. */
  iconOnly?: boolean;
}

/** A status as icon and word: the shape tells it without colour too. */
export function Status({ status, count, iconOnly }: Props) {
  const word = useWord()("status", status);
  const [shape, tone] = LOOKS[status] ?? ["disc", "calm"];
  return (
    <span className={`status ${tone}`} title={iconOnly ? word : undefined}>
      <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
        {SHAPES[shape]}
      </svg>
      <span className={iconOnly ? "sr-only" : undefined}>{word}</span>
      {count !== undefined && <span className="num">{count}</span>}
    </span>
  );
}
