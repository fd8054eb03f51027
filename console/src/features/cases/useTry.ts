import { useRef, useState } from "react";
import { call } from "~/api/client";
import type { CaseReport, Document, RunDetail } from "~/api/types";

const OPEN = new Set(["queued", "running", "cancelling"]);

export interface Trial {
  busy: boolean;
  error: unknown;
  report: CaseReport | null;
  /** The document that was tried: what differs from it makes the answer stale. */
  tried: Document | null;
}

const NOTHING: Trial = { busy: false, error: null, report: null, tried: null };

/** Tries an unsaved document, up to a step if one is named, and keeps the last answer. */
export function useTry(projectId: number) {
  const [trial, setTrial] = useState<Trial>(NOTHING);
  const turn = useRef(0);
  const start = async (document: Document, environmentId: number | null, untilStep?: string) => {
    const mine = ++turn.current;
    setTrial((old) => ({ ...old, busy: true, error: null }));
    try {
      const { run_id } = await call<{ run_id: string }>("POST", "/runs", {
        body: {
          document,
          project_id: projectId,
          ...(environmentId && { environments: { [projectId]: environmentId } }),
          ...(untilStep && { until_step: untilStep }),
        },
      });
      let run = await call<RunDetail>("GET", `/runs/${run_id}`);
      for (let pause = 150; OPEN.has(run.status) && turn.current === mine; pause = Math.min(pause * 1.5, 1000)) {
        await new Promise((resolve) => setTimeout(resolve, pause));
        run = await call<RunDetail>("GET", `/runs/${run_id}`);
      }
      const first = run.cases[0];
      const report = first
        ? await call<CaseReport>("GET", `/runs/${run_id}/cases/${first.case_id}`, { query: { row: first.row } })
        : null;
      if (turn.current === mine) setTrial({ busy: false, error: null, report, tried: document });
    } catch (error) {
      if (turn.current === mine) setTrial((old) => ({ ...old, busy: false, error }));
    }
  };
  return { trial, start };
}
