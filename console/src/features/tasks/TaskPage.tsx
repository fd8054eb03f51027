import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { App, Button, Popconfirm, Tabs } from "antd";
import { useRef } from "react";
import { useTranslation } from "react-i18next";
import { ApiError, call, idempotencyKey } from "~/api/client";
import { queryClient } from "~/api/queries";
import { useSession } from "~/api/session";
import type { Cursor, NextTimes, Run, Task } from "~/api/types";
import { RunTable } from "~/features/runs/RunTable";
import { Trends } from "~/features/runs/Trends";
import { visible } from "~/lib/bidi";
import { Loaded, LoadedPage, Page } from "~/ui/Page";
import { Ledger } from "./Ledger";
import { TaskFacts } from "./TaskFacts";
import { Times } from "./Times";
import { useTaskStream } from "./useTasks";
import "./tasks.css";

const OPEN = new Set(["pending", "running"]);

/** A task: what it runs, when it is due, what became of each due time. */
export function TaskPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { message } = App.useApp();
  const id = Number(useParams({ strict: false }).id);
  const live = useRef(false);
  const task = useQuery({
    queryKey: ["task", id],
    queryFn: () => call<Task>("GET", `/scheduler/tasks/${id}`),
    refetchInterval: () => (live.current ? false : 15_000),
  });
  const next = useQuery({
    queryKey: ["next", id],
    queryFn: () => call<NextTimes>("GET", `/scheduler/tasks/${id}/next`, { query: { count: 10 } }),
  });
  const runs = useQuery({
    queryKey: ["runs", "task", id],
    queryFn: () => call<Cursor<Run>>("GET", "/runs", { query: { task_id: id, limit: 20 } }),
    refetchInterval: () => (live.current ? false : 15_000),
  });
  const user = useSession()?.user;
  const refresh = () =>
    Promise.all(
      [["task", id], ["next", id], ["ledger", id], ["runs"], ["tasks"]].map((queryKey) =>
        queryClient.invalidateQueries({ queryKey }),
      ),
    );
  live.current =
    useTaskStream(
      (one) => one.id === id,
      () => void refresh(),
    ) === "live";
  const act = useMutation({
    mutationFn: (what: "fire" | "pause" | "resume" | "cancel") =>
      what === "cancel"
        ? call<Partial<{ run_id: string }>>("POST", "/api-data/cancel-scheduled-task", { body: { task_id: id } })
        : call<Partial<{ run_id: string }>>("POST", `/scheduler/tasks/${id}/${what}`, { headers: idempotencyKey() }),
    onSuccess: async (answer, what) => {
      if (what === "fire" && answer.run_id) await navigate({ to: `/runs/${answer.run_id}` as "/" });
    },
    onError: (error) => void message.error(error instanceof ApiError ? error.message : String(error)),
    onSettled: refresh,
  });
  return (
    <LoadedPage query={task} title={t("nav.tasks")} up="/tasks">
      {(found) => (
        <Page
          up={<Link to="/tasks">← {t("nav.tasks")}</Link>}
          title={visible(found.task_name)}
          actions={
            user?.is_superuser || [...found.owner_ids, found.created_by.id].includes(user?.id ?? 0) ? (
              <>
                {found.status !== "cancelled" && (
                  <Button
                    type="primary"
                    loading={act.isPending && act.variables === "fire"}
                    disabled={act.isPending}
                    onClick={() => act.mutate("fire")}
                  >
                    {t("tasks.runNow")}
                  </Button>
                )}
                {found.cron && OPEN.has(found.status) && (
                  <Button disabled={act.isPending} onClick={() => act.mutate(found.paused ? "resume" : "pause")}>
                    {found.paused ? t("tasks.resume") : t("tasks.pause")}
                  </Button>
                )}
                {found.status === "pending" && (
                  <Link to={`/tasks/${id}/edit` as "/"}>
                    <Button>{t("action.edit")}</Button>
                  </Link>
                )}
                <Link to="/tasks/new" search={{ copy: String(id) } as never}>
                  <Button type={found.status === "cancelled" ? "primary" : "default"}>{t("tasks.copy")}</Button>
                </Link>
                {found.status === "pending" && (
                  <Popconfirm
                    title={t("tasks.cancelSure")}
                    okText={t("tasks.cancel")}
                    cancelText={t("tasks.keep")}
                    onConfirm={() => act.mutate("cancel")}
                  >
                    <Button danger>{t("tasks.cancel")}</Button>
                  </Popconfirm>
                )}
              </>
            ) : (
              <span className="faint">{t("tasks.ownersOnly")}</span>
            )
          }
        >
          <div className="stack">
            <div className="halves">
              <section className="panel">
                <TaskFacts task={found} />
              </section>
              <section className="panel">
                <h2>{t("tasks.nextTimes")}</h2>
                {found.paused && <p className="warn">{t("tasks.pausedHint")}</p>}
                <Loaded query={next}>
                  {(times) =>
                    times.times.length && OPEN.has(found.status) ? (
                      <Times times={times} />
                    ) : (
                      <p className="faint" style={{ margin: 0 }}>
                        {t("tasks.nothingDue")}
                      </p>
                    )
                  }
                </Loaded>
              </section>
            </div>
            <Tabs
              className="panel"
              items={[
                {
                  key: "ledger",
                  label: t("tasks.ledger"),
                  children: <Ledger task={found} live={live} />,
                },
                {
                  key: "runs",
                  label: t("nav.runs"),
                  children: (
                    <>
                      <Trends by={{ task_id: id }} />
                      <Loaded query={runs}>
                        {({ data, next_cursor }) =>
                          data.length ? (
                            <>
                              <RunTable runs={data} ofTask />
                              {next_cursor && (
                                <p style={{ margin: "12px 0 0" }}>
                                  <Link to="/runs" search={{ task: String(id) } as never}>
                                    {t("tasks.allRuns")}
                                  </Link>
                                </p>
                              )}
                            </>
                          ) : (
                            <p className="faint">{t("runs.none")}</p>
                          )
                        }
                      </Loaded>
                    </>
                  ),
                },
              ]}
            />
          </div>
        </Page>
      )}
    </LoadedPage>
  );
}
