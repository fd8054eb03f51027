import { keepPreviousData, useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Alert, Button, Drawer } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { platform, projects, queryClient } from "~/api/queries";
import { useSession } from "~/api/session";
import type { Delivery, DeliveryDetail, Page as PageOf } from "~/api/types";
import { visible } from "~/lib/bidi";
import { Empty } from "~/ui/Empty";
import { Failure } from "~/ui/Failure";
import { Filter } from "~/ui/Filter";
import { ListTable } from "~/ui/ListTable";
import { Loaded, Page } from "~/ui/Page";
import { paging } from "~/ui/paging";
import { Status } from "~/ui/Status";
import { When } from "~/ui/When";
import { useWord } from "~/ui/words";

type Search = Record<string, string | undefined>;

const STATUSES = ["queued", "sending", "sent", "failed", "skipped"];

/** Messages to owners and channels: what went out, what did not, and why. */
export function DeliveriesPage() {
  const { t } = useTranslation();
  const word = useWord();
  const navigate = useNavigate();
  const search = useSearch({ strict: false }) as Search;
  const about = useQuery(platform).data;
  const [open, setOpen] = useState<string | null>(null);
  const page = Number(search.page ?? 1);
  const query = { run_id: search.run, task_id: search.task, status: search.status, page, page_size: 20 };
  const listed = useQuery({
    queryKey: ["deliveries", query],
    queryFn: () => call<PageOf<Delivery>>("GET", "/notifications/deliveries", { query }),
    placeholderData: keepPreviousData,
    refetchInterval: 10_000,
  });
  const detail = useQuery({
    queryKey: ["delivery", open],
    queryFn: () => call<DeliveryDetail>("GET", `/notifications/deliveries/${open}`),
    enabled: open !== null,
  });
  const retry = useMutation({
    mutationFn: (id: string) => call("POST", `/notifications/deliveries/${id}/retry`),
    onSettled: () => queryClient.invalidateQueries({ queryKey: ["deliveries"] }),
  });
  const user = useSession()?.user;
  const member = (useQuery(projects).data?.data ?? []).some((one) => one.can_write);
  const mayRetry = (one: Delivery) => user?.is_superuser || member || one.recipient.id === user?.id;
  const go = (change: Search) => void navigate({ to: ".", search: { ...search, page: undefined, ...change } as never });
  const filtered = Boolean(search.run || search.task || search.status);
  const overWhat = (one: Delivery) => one.channel.name ?? word("channels.kinds", one.channel.kind);
  const toWhom = (one: Delivery) => (one.recipient.name && visible(one.recipient.name)) ?? `#${one.recipient.id}`;
  const reason = (one: Delivery) =>
    [
      one.error ?? (one.reason && word("deliveryReason", one.reason)),
      one.tries > 1 && t("report.tries", { count: one.tries }),
    ]
      .filter(Boolean)
      .join(" · ");
  return (
    <Page title={t("nav.deliveries")}>
      {about?.mail_configured === false && (
        <Alert type="warning" showIcon title={t("deliveries.noMail")} style={{ marginBottom: 12 }} />
      )}
      {retry.error && <Failure error={retry.error} />}
      <div className="panel">
        <div className="filters" style={!filtered && listed.data?.total === 0 ? { display: "none" } : undefined}>
          <Filter
            label={t("runs.anyStatus")}
            value={search.status}
            options={STATUSES.map((value) => ({ value, label: t(`status.${value}` as "status.passed") }))}
            onChange={(status) => go({ status })}
            width={140}
          />
          {search.run && <Button onClick={() => go({ run: undefined })}>{t("deliveries.ofRun")} ✕</Button>}
        </div>
        <Loaded query={listed}>
          {(found) =>
            found.total === 0 ? (
              <Empty text={filtered ? t("deliveries.noneFound") : t("deliveries.none")}>
                {filtered ? (
                  <Button onClick={() => void navigate({ to: ".", search: {} as never })}>
                    {t("action.clearFilters")}
                  </Button>
                ) : (
                  <Link to="/tasks">
                    <Button>{t("deliveries.go")}</Button>
                  </Link>
                )}
              </Empty>
            ) : (
              <ListTable<Delivery>
                rowKey="id"
                dataSource={found.data}
                pagination={paging(page, found.total, (next) => go({ page: next }))}
                columns={[
                  {
                    title: t("runs.status"),
                    render: (_, one) => (
                      <>
                        <Status status={one.status} />
                        {reason(one) && (
                          <div className="faint small" style={{ maxWidth: 420, overflowWrap: "anywhere" }}>
                            {reason(one)}
                          </div>
                        )}
                      </>
                    ),
                  },
                  { title: t("deliveries.to"), render: (_, one) => toWhom(one) },
                  { title: t("deliveries.over"), render: (_, one) => overWhat(one) },
                  {
                    title: t("deliveries.run"),
                    render: (_, one) => (
                      <Link to={`/runs/${one.run_id}` as "/"} className="name">
                        {visible(one.task_name)}
                      </Link>
                    ),
                  },
                  { title: t("deliveries.at"), render: (_, one) => <When at={one.ended_at ?? one.created_at} /> },
                  {
                    title: <span className="sr-only">{t("common.actions")}</span>,
                    render: (_, one) => (
                      <span className="actions">
                        <Button size="small" onClick={() => setOpen(one.id)}>
                          {t("deliveries.show")}
                        </Button>
                        {(one.status === "failed" || one.status === "skipped") && mayRetry(one) && (
                          <Button size="small" onClick={() => retry.mutate(one.id)}>
                            {t("action.retry")}
                          </Button>
                        )}
                      </span>
                    ),
                  },
                ]}
              />
            )
          }
        </Loaded>
      </div>
      <Drawer
        open={open !== null}
        size={720}
        title={visible(detail.data?.mail?.subject ?? t("nav.deliveries"))}
        onClose={() => setOpen(null)}
        extra={detail.data && <Link to={`/runs/${detail.data.run_id}` as "/"}>{t("deliveries.openRun")}</Link>}
      >
        <Loaded query={detail}>
          {(one) => (
            <div className="stack">
              <div className="actions">
                <Status status={one.status} />
                <span>
                  {toWhom(one)} · {overWhat(one)} · <When at={one.ended_at ?? one.created_at} />
                </span>
              </div>
              {reason(one) && <span className="faint">{reason(one)}</span>}
              {one.mail ? (
                <pre className="mono" style={{ margin: 0, lineHeight: 1.6 }}>
                  {visible(one.mail.text)}
                </pre>
              ) : (
                <span>{t("deliveries.hidden")}</span>
              )}
            </div>
          )}
        </Loaded>
      </Drawer>
    </Page>
  );
}
