import dayjs from "dayjs";
import { useTranslation } from "react-i18next";
import type { NextTimes } from "~/api/types";
import { offsetAt, relative, withOffset } from "~/lib/time";

/** A local time with its offset (`2026-11-30T09:00:00+08:00`) for people: `2026-11-30 Mon 09:00 +08:00`. */
export function dueText(local: string, language: string): string {
  const day = local.slice(0, 10);
  const format = new Intl.DateTimeFormat(language === "en" ? "en" : "zh-CN", { weekday: "short", timeZone: "UTC" });
  const time = local.slice(11, local.slice(17, 19) === "00" ? 16 : 19);
  return `${day} ${format.format(new Date(`${day}T00:00:00Z`))} ${time} ${local.slice(19)}`;
}

/** Due times in the task's zone, beside the reader's own where that differs; changes of the clocks are said. */
export function Times({ times }: { times: NextTimes }) {
  const { t, i18n } = useTranslation();
  const elsewhere = times.times.some((one) => !one.local.endsWith(offsetAt(one.at)));
  return (
    <table className="grid">
      <thead>
        <tr>
          <th>{times.timezone}</th>
          {elsewhere && <th>{t("tasks.yourZone")}</th>}
          <th />
        </tr>
      </thead>
      <tbody>
        {times.times.map((one) => (
          <tr key={one.at}>
            <td className="num nowrap">
              {dueText(one.local, i18n.language)}
              {one.dst && (
                <div className="warn small">
                  {one.dst === "gap" ? t("tasks.gap", { time: one.meant }) : t("tasks.fold")}
                </div>
              )}
            </td>
            {elsewhere && <td className="num nowrap">{dueText(withOffset(dayjs(one.at)), i18n.language)}</td>}
            <td className="faint">{relative(one.at, i18n.language)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
