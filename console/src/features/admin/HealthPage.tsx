import { useQuery } from "@tanstack/react-query";
import { Descriptions } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { platform } from "~/api/queries";
import type { SchedulerStatus, Workers } from "~/api/types";
import { schedulerState } from "~/features/home/HealthStrip";
import { duration } from "~/lib/time";
import { ListTable } from "~/ui/ListTable";
import { Loaded, Page } from "~/ui/Page";
import { Status } from "~/ui/Status";
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
      <div className="stack">
        <div className="halves">
          <section className="panel">
            <h2>{t("health.scheduler")}</h2>
            <Loaded query={scheduler}>
              {(found) => (
                <Facts
                  of={{
                    [t("runs.status")]: <Status status={schedulerState(found)} />,
                    [t("health.lastPass")]: <When at={found.last_pass_at} far />,
                    [t("health.lastFired")]: <When at={found.last_fired_at} far />,
                    [t("tasks.lag")]: duration(found.lag_ms),
                    [t("health.next")]: <When at={found.next_due_at} far />,
                    [t("health.overdueTasks")]: found.overdue,
                    [t("health.openFirings")]: found.open_firings,
                  }}
                />
              )}
            </Loaded>
          </section>
          <section className="panel">
            <h2>{t("health.workers")}</h2>
            <Loaded query={workers}>
              {(found) => (
                <div className="stack">
                  <Facts
                    of={{
                      [t("health.queued")]: (
                        <span>
                          <span className="num">{found.queued}</span>{" "}
                          {found.oldest_queued_at && <When at={found.oldest_queued_at} far />}
                        </span>
                      ),
                    }}
                  />
                  <ListTable
                    rowKey="worker_id"
                    dataSource={found.workers}
                    pagination={false}
                    locale={{ emptyText: <span className="warn">{t("health.idle")}</span> }}
                    columns={[
                      { title: t("runs.status"), render: (_, one) => <Status status={one.state} /> },
                      { title: t("health.worker"), dataIndex: "worker_id" },
                      { title: t("health.lastPass"), render: (_, one) => <When at={one.seen_at} /> },
                      {
                        title: t("health.caseRuns"),
                        render: (_, one) => <span className="num">{`${one.case_runs} / ${one.capacity}`}</span>,
                      },
                    ]}
                  />
                </div>
              )}
            </Loaded>
          </section>
        </div>
        {about && (
          <section className="panel">
            <h2>{t("health.platform")}</h2>
            <Facts
              of={{
                [t("health.version")]: `Rounds ${about.version}`,
                [t("tasks.zone")]: about.timezone,
                [t("health.mail")]: about.mail_configured ? t("health.mailOn") : t("health.noMail"),
              }}
            />
          </section>
        )}
      </div>
    </Page>
  );
}

/** Values beneath each other, each behind its name. */
function Facts({ of }: { of: Record<string, ReactNode> }) {
  return (
    <Descriptions
      column={1}
      size="small"
      colon={false}
      styles={{ label: { width: 124, flex: "none" } }}
      items={Object.entries(of).map(([label, children]) => ({ key: label, label, children }))}
    />
  );
}
