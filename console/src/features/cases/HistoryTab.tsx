import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Segmented } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import type { CaseItem, CaseRead, Cursor, Page, Run } from "~/api/types";
import { RunTable } from "~/features/runs/RunTable";
import { Trends } from "~/features/runs/Trends";
import { visible } from "~/lib/bidi";
import { Loaded } from "~/ui/Page";

/** How a case has run: rates by day, its runs, and the cases that call it. */
export function HistoryTab({ saved }: { saved: CaseRead }) {
  const { t } = useTranslation();
  const [days, setDays] = useState(30);
  const runs = useQuery({
    queryKey: ["runs", "case", saved.id],
    queryFn: () => call<Cursor<Run>>("GET", "/runs", { query: { case_id: saved.id, limit: 20 } }),
  });
  const ids = saved.called_by.slice(0, 200).join(",");
  const callers = useQuery({
    queryKey: ["cases", "of", ids],
    queryFn: () => call<Page<CaseItem>>("GET", "/catalog/cases", { query: { ids, page_size: 200 } }),
    enabled: ids !== "",
  });
  return (
    <div className="stack">
      <Segmented
        aria-label={t("runs.period")}
        style={{ alignSelf: "start" }}
        value={days}
        options={[30, 90].map((value) => ({ value, label: t("runs.trend", { count: value }) }))}
        onChange={setDays}
      />
      <Trends by={{ case_id: saved.id }} days={days} title={t("runs.rate")} />
      <Loaded query={runs}>
        {({ data }) => (data.length ? <RunTable runs={data} /> : <p className="faint">{t("runs.none")}</p>)}
      </Loaded>
      {callers.data && callers.data.total > 0 && (
        <p>
          {t("cases.calledBy")}:{" "}
          {callers.data.data.map((one) => (
            <Link key={one.id} to={`/p/${one.project_id}/cases/${one.id}` as "/"} style={{ marginInlineEnd: 12 }}>
              {visible(one.name)}
            </Link>
          ))}
        </p>
      )}
    </div>
  );
}
