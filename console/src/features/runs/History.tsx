import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import type { TrendDay } from "~/api/types";
import { percent } from "~/lib/time";
import { Status } from "~/ui/Status";

/** How a case did on its last ten days, oldest first: a mark a day. */
export function History({ caseId }: { caseId: number }) {
  const { t } = useTranslation();
  const days = useQuery({
    queryKey: ["trends", { case_id: caseId }, 30],
    queryFn: () => call<{ data: TrendDay[] }>("GET", "/runs/trends", { query: { case_id: caseId, days: 30 } }),
    retry: false,
    staleTime: 60_000,
  });
  const shown = days.data?.data.slice(-10) ?? [];
  if (shown.length < 2) return null;
  return (
    <span className="history" role="img" aria-label={`${t("cases.history")}: ${shown.map(told).join(", ")}`}>
      {shown.map((day) => (
        <span key={day.day} title={told(day)}>
          <Status status={day.failed || day.error ? "failed" : day.flaky ? "flaky" : "passed"} iconOnly />
        </span>
      ))}
    </span>
  );
}

function told(day: TrendDay): string {
  return `${day.day} ${percent(day.pass_rate)} ${day.passed}/${day.total}`;
}
