import { useTranslation } from "react-i18next";
import type { StepResult } from "~/api/types";
import { duration } from "~/lib/time";

const PHASES = ["dns", "connect", "tls", "first_byte"] as const;
const TONES = ["#5b8ff9", "#5ad8a6", "#f6bd16", "#e8684a", "#9270ca"];

/** Where the time of a request went: a bar, and the same in words. */
export function Timings({ timings }: { timings: StepResult["timings_ms"] }) {
  const { t } = useTranslation();
  if (!timings) return <p className="faint">–</p>;
  const total = timings.total ?? 0;
  const known = PHASES.map((phase) => timings[phase] ?? 0);
  const parts = [...known, Math.max(0, total - known.reduce((sum, value) => sum + value, 0))];
  return (
    <>
      <div className="timing" aria-hidden="true">
        {parts.map((value, index) => (
          <span key={TONES[index]} style={{ flexGrow: value, background: TONES[index] }} />
        ))}
      </div>
      <table className="grid" style={{ maxWidth: 360 }}>
        <tbody>
          {[...PHASES, "total" as const].map((phase) => (
            <tr key={phase}>
              <td>{t(`timings.${phase}`)}</td>
              <td className="num">{duration(timings[phase] ?? null)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
