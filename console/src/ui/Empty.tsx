import type { ReactNode } from "react";

/** One sentence about what is not there yet, and what to do about it. */
export function Empty({ text, children }: { text: ReactNode; children?: ReactNode }) {
  return (
    <div className="empty">
      <svg viewBox="0 0 48 32" width="72" height="48" aria-hidden="true">
        <rect x="1" y="1" width="46" height="30" rx="4" fill="none" stroke="currentColor" strokeDasharray="4 3" />
        <path d="M12 16h24M12 22h14M12 10h18" stroke="currentColor" strokeLinecap="round" />
      </svg>
      <p>{text}</p>
      {children && <div className="actions">{children}</div>}
    </div>
  );
}
