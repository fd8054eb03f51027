import { useQuery } from "@tanstack/react-query";
import { Descriptions } from "antd";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { platform } from "~/api/queries";
import type { SchedulerStatus, Workers } from "~/api/types";
import { duration } from "~/lib/time";
import { ListTable } from "~/ui/ListTable";
import { Loaded, Page } from "~/ui/Page";
import { When } from "~/ui/When";

/** How the scheduler and the workers are doing. */
export function HealthPage() {
  const { t } = useTranslation();
  const about = useQuery(platform).data;
  const scheduler = useQuery({
    queryKey: ["scheduler-status"],
    queryFn: () => call<SchedulerStatus>("GET", "/scheduler/status"),
    refetchInterval: 5000,
  });
  const workers = useQuery({
    queryKey: ["workers"],
    queryFn: () => call<Workers>("GET", "/runs/workers"),
    refetchInterval: 5000,
  });
  return (
    <Page title={t("nav.health")}>
      <div className="halves">
        <section className="panel">
          <h2>{t("health.scheduler")}</h2>
          <Loaded query={scheduler}>
            {(found) => (
              <Descriptions
                column={1}
                size="small"
                items={[
                  { key: "pass", label: t("health.lastPass"), children: <When at={found.last_pass_at} far /> },
                  { key: "fired", label: t("health.lastFired"), children: <When at={found.last_fired_at} far /> },
                  { key: "lag", label: t("tasks.lag"), children: duration(found.lag_ms) },
                  { key: "next", label: t("tasks.next"), children: <When at={found.next_due_at} far /> },
                  { key: "overdue", label: t("health.overdueTasks"), children: found.overdue },
                  { key: "open", label: t("health.openFirings"), children: found.open_firings },
                ]}
              />
            )}
          </Loaded>
        </section>
        <section className="panel">
          <h2>{t("health.workers")}</h2>
          <Loaded query={workers}>
            {(found) => (
              <>
                <p>
                  {t("health.queued")}: <strong className="num">{found.queued}</strong>{" "}
                  {found.oldest_queued_at && <When at={found.oldest_queued_at} far />}
                </p>
                <ListTable
                  rowKey="worker_id"
                  dataSource={found.workers}
                  pagination={false}
                  locale={{ emptyText: <span className="faint">{t("health.idle")}</span> }}
                  columns={[
                    { title: t("health.worker"), dataIndex: "worker_id" },
                    { title: t("health.caseRuns"), dataIndex: "case_runs" },
                  ]}
                />
              </>
            )}
          </Loaded>
        </section>
      </div>
      {about && (
        <p className="faint small" style={{ marginTop: 16 }}>
          Rounds {about.version} · {about.timezone} · {about.mail_configured ? t("health.mail") : t("health.noMail")}
        </p>
      )}
    </Page>
  );
}
