import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Button, Input } from "antd";
import { useRef } from "react";
import { useTranslation } from "react-i18next";
import { callUnlessSame } from "~/api/client";
import { people, projects, queryClient } from "~/api/queries";
import { useSession } from "~/api/session";
import type { Page as PageOf, Task } from "~/api/types";
import { visible } from "~/lib/bidi";
import { duration, percent } from "~/lib/time";
import { Empty } from "~/ui/Empty";
import { Filter } from "~/ui/Filter";
import { ListTable } from "~/ui/ListTable";
import { Loaded, Page } from "~/ui/Page";
import { paging } from "~/ui/paging";
import { Status } from "~/ui/Status";
import { When } from "~/ui/When";
import { recurrence } from "./recurrence";
import { useTaskStream } from "./useTasks";

type Search = Record<string, string | undefined>;

const STATUSES = ["pending", "running", "completed", "failed", "cancelled"];

/** Every scheduled task with its state now; the rows keep up to date. */
export function TasksPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const search = useSearch({ strict: false }) as Search;
  const user = useSession()?.user;
  const page = Number(search.page ?? 1);
  const owner = search.owner === "me" ? user?.id : search.owner;
  const query = {
    status: search.status,
    project_id: search.project,
    owner_id: owner,
    search: search.q,
    sort: "next_due_at",
    page,
    page_size: 20,
  };
  const listed = useQuery(projects).data?.data ?? [];
  const known = new Map((useQuery(people()).data?.data ?? []).map((one) => [one.id, one.real_name || one.username]));
  const live = useRef(false);
  const tasks = useQuery({
    queryKey: ["tasks", query],
    queryFn: () => callUnlessSame<PageOf<Task>>("/scheduler/tasks", { query }),
    placeholderData: keepPreviousData,
    refetchInterval: () => (live.current ? false : 15_000),
  });
  const ids = tasks.data?.data.map((one) => one.id) ?? [];
  const stream = useTaskStream(
    // A new task, or one that may belong elsewhere now.
    ({ id }) => (ids.includes(id) ? Boolean(search.status) : id > Math.max(0, ...ids)),
    () => void queryClient.invalidateQueries({ queryKey: ["tasks"] }),
  );
  live.current = stream === "live";
  const go = (change: Search) => void navigate({ to: ".", search: { ...search, page: undefined, ...change } as never });
  const filtered = Object.keys(search).some((key) => key !== "page");
  const none = !filtered && tasks.data?.total === 0;
  const button = listed.some((one) => one.can_write) && (
    <Link to="/tasks/new">
      <Button type="primary">{t("tasks.new")}</Button>
    </Link>
  );
  return (
    <Page title={t("nav.tasks")} actions={!none && button}>
      <div className="panel">
        <div className="filters" style={none ? { display: "none" } : undefined}>
          <Input.Search
            allowClear
            style={{ width: 220 }}
            placeholder={t("tasks.search")}
            aria-label={t("tasks.search")}
            defaultValue={search.q}
            onSearch={(q) => go({ q: q || undefined })}
          />
          <Filter
            label={t("runs.anyStatus")}
            value={search.status}
            options={STATUSES.map((value) => ({ value, label: t(`status.${value}` as "status.passed") }))}
            onChange={(status) => go({ status })}
          />
          <Filter
            label={t("runs.anyProject")}
            value={search.project}
            options={listed.map((one) => ({ value: String(one.id), label: visible(one.name) }))}
            onChange={(project) => go({ project })}
            width={180}
          />
          <Filter
            label={t("tasks.anyOwner")}
            value={search.owner}
            options={[{ value: "me", label: t("tasks.mine") }]}
            onChange={(mine) => go({ owner: mine })}
          />
          {filtered && (
            <Button onClick={() => void navigate({ to: ".", search: {} as never })}>{t("action.clearFilters")}</Button>
          )}
        </div>
        <Loaded query={tasks}>
          {(found) =>
            found.total === 0 ? (
              <Empty text={filtered ? t("tasks.noneFound") : t("tasks.none")}>{!filtered && button}</Empty>
            ) : (
              <ListTable<Task>
                rowKey="id"
                dataSource={found.data}
                pagination={paging(page, found.total, (next) => go({ page: next }))}
                columns={[
                  {
                    title: t("runs.status"),
                    render: (_, one) => <Status status={one.paused ? "paused" : one.status} />,
                  },
                  {
                    title: t("tasks.name"),
                    render: (_, one) => (
                      <Link to={`/tasks/${one.id}` as "/"} className="name">
                        {visible(one.task_name)}
                      </Link>
                    ),
                  },
                  {
                    title: t("tasks.when"),
                    render: (_, one) =>
                      one.cron ? (
                        recurrence(one.cron, t)
                      ) : (
                        <>
                          {t("tasks.once")} <When at={one.scheduled_at} />
                        </>
                      ),
                  },
                  {
                    title: t("tasks.next"),
                    render: (_, one) => !one.paused && one.next_due_at && <When at={one.next_due_at} far />,
                  },
                  {
                    title: t("tasks.last"),
                    render: (_, one) =>
                      one.last_run && (
                        <Link
                          to={(one.last_run.run_id ? `/runs/${one.last_run.run_id}` : `/tasks/${one.id}`) as "/"}
                          className="actions nowrap"
                        >
                          <Status status={one.last_run.status} />{" "}
                          <span className="num">{percent(one.last_run.pass_rate)}</span>
                        </Link>
                      ),
                  },
                  {
                    title: t("tasks.owners"),
                    render: (_, one) => one.owner_ids.map((id) => known.get(id) ?? `#${id}`).join(", "),
                  },
                  {
                    title: t("tasks.cases"),
                    render: (_, one) => <span className="num">{one.targets.length ? "…" : one.case_ids.length}</span>,
                  },
                  ...(found.data.some((one) => one.lag_ms !== null)
                    ? [
                        {
                          title: t("tasks.lag"),
                          render: (_: unknown, one: Task) =>
                            one.lag_ms !== null && <span className="num">{duration(one.lag_ms)}</span>,
                        },
                      ]
                    : []),
                ]}
              />
            )
          }
        </Loaded>
      </div>
    </Page>
  );
}
