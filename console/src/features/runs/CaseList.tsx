import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { CaseRun } from "~/api/types";
import { visible } from "~/lib/bidi";
import { duration } from "~/lib/time";
import { Status } from "~/ui/Status";
import type { Progress } from "./useRun";

interface Props {
  cases: CaseRun[];
  chosen: CaseRun | undefined;
  onChoose: (one: CaseRun) => void;
  progress: Record<string, Progress>;
}

const SHOWN = 200;

/** The cases of a run, the failed ones first; passed ones are folded while there are others. */
export function CaseList({ cases, chosen, onChoose, progress }: Props) {
  const { t } = useTranslation();
  const passed = cases.filter((one) => one.status === "passed");
  const others = cases.filter((one) => one.status !== "passed");
  const [unfolded, setUnfolded] = useState<boolean>();
  const [more, setMore] = useState(SHOWN);
  const open = unfolded ?? (others.length === 0 || chosen?.status === "passed");
  const shown = [...others, ...(open ? passed : [])];
  const first = shown.slice(0, more);
  const line = (one: CaseRun) => {
    const at = progress[`${one.position} ${one.row ?? ""}`];
    return (
      <li key={`${one.position} ${one.row}`}>
        <button
          type="button"
          className={`case-line${one === chosen ? " selected" : ""}`}
          aria-current={one === chosen}
          onClick={() => onChoose(one)}
        >
          <Status
            status={
              one.failure_class === "platform"
                ? "platform"
                : one.flaky && one.status === "passed"
                  ? "flaky"
                  : one.status
            }
            iconOnly
          />
          <span className="case-name">
            {visible(one.name)}
            {one.row !== null && <span className="faint"> [{one.row + 1}]</span>}
            {one.status === "running" && at && (
              <span className="faint small">
                {" "}
                {at.path} {visible(at.name)}
              </span>
            )}
          </span>
          <span className="faint small num">
            {one.finished_at &&
              `${one.status === "passed" ? "" : `${t("report.ofSteps", { passed: one.steps_passed, total: one.steps_total })} · `}${duration(one.duration_ms)}`}
          </span>
        </button>
      </li>
    );
  };
  return (
    <section className="panel cases" aria-label={t("nav.cases")}>
      <ul>
        {first.filter((one) => one.status !== "passed").map(line)}
        {passed.length > 0 && others.length > 0 && (
          <li>
            <button type="button" className="case-line" aria-expanded={open} onClick={() => setUnfolded(!open)}>
              <Status status="passed" iconOnly />
              <span className="case-name">{t("report.passedFolded", { count: passed.length })}</span>
              <span aria-hidden="true">{open ? "▾" : "▸"}</span>
            </button>
          </li>
        )}
        {first.filter((one) => one.status === "passed").map(line)}
      </ul>
      {shown.length > more && (
        <button type="button" className="link" onClick={() => setMore(more + SHOWN)}>
          {t("report.moreCases", { count: shown.length - more })}
        </button>
      )}
    </section>
  );
}
