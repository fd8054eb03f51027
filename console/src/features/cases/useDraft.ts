import { useEffect, useRef, useState } from "react";
import type { Document } from "~/api/types";
import { dropDraft, keepDraft, readDraft } from "~/lib/draft";
import { parseJson, sameJson, writeJson } from "~/lib/json";

/** What was typed, and the saved state that it began from. */
export interface Unsaved {
  document: Document;
  base: Document;
  /** Of the saved state; 0: the case is new. */
  revision: number;
}

/** Keeps unsaved work on a case in this browser; offers what an earlier visit left. */
export function useDraft(key: string, current: Unsaved, dirty: boolean) {
  const [found, setFound] = useState<(Unsaved & { at: string }) | null>(null);
  const kept = useRef(false);
  const first = useRef(current);
  useEffect(() => {
    void readDraft(key).then((draft) => {
      if (!draft) return;
      const left = parseJson<Unsaved>(draft.text);
      if (sameJson(left.document, first.current.document)) void dropDraft(key);
      else setFound({ ...left, at: draft.at });
    });
  }, [key]);
  const text = dirty ? writeJson(current) : null;
  useEffect(() => {
    if (text === null) {
      if (kept.current) void dropDraft(key);
      kept.current = false;
      return;
    }
    const timer = setTimeout(() => {
      kept.current = true;
      void keepDraft(key, text);
    }, 300);
    return () => clearTimeout(timer);
  }, [key, text]);
  const forget = () => {
    setFound(null);
    void dropDraft(key);
  };
  return { found, settle: () => setFound(null), forget };
}
