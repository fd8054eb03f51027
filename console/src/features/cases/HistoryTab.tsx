import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Segmented, Select } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { environments } from "~/api/queries";
import type { CaseItem, CaseRead, Cursor, Page, Run } from "~/api/types";
import { RunTable } from "~/features/runs/RunTable";
import { Trends } from "~/features/runs/Trends";
import { visible } from "~/lib/bidi";
import { Loaded } from "~/ui/Page";

/** How a case has run: rates by day, its runs, and the cases that call it. */
export function HistoryTab({ saved }: { saved: CaseRead }) {
  const { t } = useTranslation();
  const [days, setDays] = useState(30);
  const [environment, setEnvironment] = useState<number>();
  const known = useQuery(environments(saved.project_id)).data?.data ?? [];
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
      <div className="filters" style={{ margin: 0 }}>
        <h3 style={{ margin: 0 }}>{t("runs.rate")}</h3>
        <Segmented
          aria-label={t("runs.period")}
          value={days}
          options={[30, 90].map((value) => ({ value, label: t("runs.trend", { count: value }) }))}
          onChange={setDays}
        />
        <Select
          allowClear
          style={{ minWidth: 180 }}
          aria-label={t("environments.one")}
          placeholder={t("runs.anyEnvironment")}
          value={environment}
          options={[
            ...known.map((one) => ({ value: one.id, label: visible(one.name) })),
            { value: 0, label: t("runs.noEnvironment") },
          ]}
          onChange={setEnvironment}
        />
      </div>
      <Trends
        by={{ case_id: saved.id, environment_id: environment }}
        days={days}
        title={null}
        none={t("runs.noTrend")}
      />
      <h3 style={{ margin: 0 }}>{t("cases.runsWith")}</h3>
      <Loaded query={runs}>
        {({ data }) =>
          data.length ? <RunTable runs={data} caseId={saved.id} /> : <p className="faint">{t("runs.none")}</p>
        }
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
