import { useEffect, useRef, useState } from "react";
import { type Draft, dropDraft, keepDraft, readDraft } from "~/lib/draft";
import { writeJson } from "~/lib/json";

/** Keeps unsaved text of a case and revision in this browser; offers what an earlier visit left. */
export function useDraft(key: string, current: unknown, dirty: boolean) {
  const [found, setFound] = useState<Draft | null>(null);
  const kept = useRef(false);
  useEffect(() => {
    void readDraft(key).then((draft) => setFound(draft ?? null));
  }, [key]);
  useEffect(() => {
    if (!dirty) {
      if (kept.current) void dropDraft(key);
      kept.current = false;
      return;
    }
    const timer = setTimeout(() => {
      kept.current = true;
      void keepDraft(key, writeJson(current));
    }, 500);
    return () => clearTimeout(timer);
  }, [key, current, dirty]);
  const forget = () => {
    setFound(null);
    void dropDraft(key);
  };
  return { found, forget };
}
