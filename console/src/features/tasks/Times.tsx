import { useTranslation } from "react-i18next";
import type { NextTimes } from "~/api/types";
import { localTime, offsetAt, relative } from "~/lib/time";

/** Due times in the task's zone, beside the reader's own where that differs; changes of the clocks are said. */
export function Times({ times }: { times: NextTimes }) {
  const { t, i18n } = useTranslation();
  return (
    <table className="grid">
      <thead>
        <tr>
          <th>{times.timezone}</th>
          {times.times.some((one) => !one.local.endsWith(offsetAt(one.at))) && <th>{t("tasks.yourZone")}</th>}
          <th />
        </tr>
      </thead>
      <tbody>
        {times.times.map((one) => (
          <tr key={one.at}>
            <td className="num nowrap">
              {one.local.replace("T", " ").replace(/([+-]\d\d:\d\d)$/, " $1")}
              {one.dst && (
                <div className="warn small">
                  {one.dst === "gap" ? t("tasks.gap", { time: one.meant }) : t("tasks.fold")}
                </div>
              )}
            </td>
            {times.times.some((other) => !other.local.endsWith(offsetAt(other.at))) && (
              <td className="num nowrap">
                {localTime(one.at)} {offsetAt(one.at)}
              </td>
            )}
            <td className="faint">{relative(one.at, i18n.language)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
