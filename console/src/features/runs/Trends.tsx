import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { ApiError, call } from "~/api/client";
import type { TrendDay } from "~/api/types";
import { duration, percent } from "~/lib/time";
import { Trend } from "~/ui/Trend";

type By = { case_id: number; environment_id?: number } | { task_id: number } | { project_id: number };

/** Pass rate and duration by day, drawn and as a table. */
export function Trends({
  by,
  days = 30,
  title,
  none,
  className,
}: {
  by: By;
  days?: number;
  /** Null: there is a heading above. */
  title?: string | null;
  /** What is said in place of a trend that there is none of yet. */
  none?: string;
  className?: string;
}) {
  const { t } = useTranslation();
  const trends = useQuery({
    queryKey: ["trends", by, days],
    queryFn: () => call<{ data: TrendDay[] }>("GET", "/runs/trends", { query: { ...by, days } }),
    retry: false,
  });
  if (trends.error instanceof ApiError && trends.error.status < 500) return null;
  const points = trends.data?.data.filter((point) => point.pass_rate !== null) ?? [];
  if (points.length < 2)
    return none && trends.isSuccess ? (
      <p className="faint" style={{ margin: 0 }}>
        {none}
      </p>
    ) : null;
  return (
    <section className={className}>
      {title !== null && <h3>{title ?? t("runs.trend", { count: days })}</h3>}
      <Trend
        label={t("runs.rate")}
        points={points.map((point) => ({ x: point.day, y: point.pass_rate ?? 0 }))}
        max={100}
        format={percent}
      />
      <details>
        <summary>{t("runs.asTable")}</summary>
        <table className="grid">
          <thead>
            <tr>
              <th>{t("runs.day")}</th>
              <th>{t("runs.rate")}</th>
              <th>p50</th>
              <th>p95</th>
            </tr>
          </thead>
          <tbody>
            {points.map((point) => (
              <tr key={point.day}>
                <td>{point.day}</td>
                <td className="num">{percent(point.pass_rate)}</td>
                <td className="num">{duration(point.duration_ms_p50)}</td>
                <td className="num">{duration(point.duration_ms_p95)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </section>
  );
}
