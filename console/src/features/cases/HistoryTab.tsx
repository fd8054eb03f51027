import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import type { CaseRead, Cursor, Run } from "~/api/types";
import { RunTable } from "~/features/runs/RunTable";
import { Trends } from "~/features/runs/Trends";
import { Loaded } from "~/ui/Page";

/** How a case has run: rates by day, its runs, and the cases that call it. */
export function HistoryTab({ saved }: { saved: CaseRead }) {
  const { t } = useTranslation();
  const runs = useQuery({
    queryKey: ["runs", "case", saved.id],
    queryFn: () => call<Cursor<Run>>("GET", "/runs", { query: { case_id: saved.id, limit: 20 } }),
  });
  return (
    <div className="stack">
      <Trends by={{ case_id: saved.id }} />
      <Loaded query={runs}>
        {({ data }) => (data.length ? <RunTable runs={data} /> : <p className="faint">{t("runs.none")}</p>)}
      </Loaded>
      {saved.called_by.length > 0 && (
        <p>
          {t("cases.calledBy")}:{" "}
          {saved.called_by.map((id) => (
            <Link key={id} to={`/p/${saved.project_id}/cases/${id}` as "/"} style={{ marginInlineEnd: 8 }}>
              #{id}
            </Link>
          ))}
        </p>
      )}
    </div>
  );
}
