import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { CaseRun } from "~/api/types";
import { visible } from "~/lib/bidi";
import { duration, percent } from "~/lib/time";
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
  const [unfolded, setUnfolded] = useState(false);
  const [more, setMore] = useState(SHOWN);
  const open = unfolded || others.length === 0 || chosen?.status === "passed";
  const shown = [...others, ...(open ? passed : [])];
  return (
    <section className="panel cases" aria-label={t("nav.cases")}>
      <ul>
        {shown.slice(0, more).map((one) => {
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
                  {one.finished_at ? `${percent(one.pass_rate)} · ${duration(one.duration_ms)}` : ""}
                </span>
              </button>
            </li>
          );
        })}
      </ul>
      {shown.length > more && (
        <button type="button" className="link" onClick={() => setMore(more + SHOWN)}>
          {t("report.moreCases", { count: shown.length - more })}
        </button>
      )}
      {!open && passed.length > 0 && (
        <button type="button" className="link" aria-expanded={false} onClick={() => setUnfolded(true)}>
          ✓ {t("report.passedFolded", { count: passed.length })}
        </button>
      )}
    </section>
  );
}
