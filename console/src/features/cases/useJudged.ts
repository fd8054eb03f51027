import { useEffect, useState } from "react";
import { ApiError, call } from "~/api/client";
import type { CaseReport, Step, StepResult } from "~/api/types";
import { writeJson } from "~/lib/json";

/** The kept answer of a step, judged again by the server as assertions are edited; no call to the target is made. */
export function useJudged(
  report: CaseReport | null,
  result: StepResult | undefined,
  step: Step | undefined,
): StepResult | null {
  const [judged, setJudged] = useState<{
    of: StepResult;
    asserts: StepResult["asserts"];
    captures: StepResult["captures"];
  } | null>(null);
  const wanted = step && writeJson([step.asserts, step.captures]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `wanted` says what of the step matters
  useEffect(() => {
    if (!report || !result?.response || !step || !wanted) return;
    const abort = new AbortController();
    const timer = setTimeout(() => {
      call<Pick<StepResult, "asserts" | "captures">>("POST", "/runs/judge", {
        body: { step, run_id: report.run_id, case_id: report.case_id, row: report.row, step_path: result.path },
        signal: abort.signal,
      }).then(
        (answer) => setJudged({ of: result, ...answer }),
        (error) => {
          // Half-typed assertions are refused; the last judgement stays beside the rows.
          if (!(error instanceof ApiError) && !abort.signal.aborted) throw error;
        },
      );
    }, 400);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [report, result, wanted]);
  if (!judged || !result || judged.of !== result) return null;
  const failed = judged.asserts.some((one) => !one.passed) || judged.captures.some((one) => !one.found);
  const status =
    result.status === "passed" || result.status === "failed" ? (failed ? "failed" : "passed") : result.status;
  return { ...result, status, asserts: judged.asserts, captures: judged.captures };
}
