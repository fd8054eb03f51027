import { useQueries, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Descriptions } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { environments, people } from "~/api/queries";
import type { CaseItem, Page, Task } from "~/api/types";
import { visible } from "~/lib/bidi";
import { Status } from "~/ui/Status";
import { When } from "~/ui/When";
import { recurrence } from "./recurrence";

const FEW = 12;

/** What a task runs, where, when and how. */
export function TaskFacts({ task }: { task: Task }) {
  const { t } = useTranslation();
  const [all, setAll] = useState(false);
  const known = new Map((useQuery(people()).data?.data ?? []).map((one) => [one.id, one.real_name || one.username]));
  const ids = task.case_ids.slice(0, 200).join(",");
  const cases =
    useQuery({
      queryKey: ["cases", "of", ids],
      queryFn: () => call<Page<CaseItem>>("GET", "/catalog/cases", { query: { ids, page_size: 200 } }),
      enabled: ids !== "",
    }).data?.data ?? [];
  const pids = [...new Set([...Object.keys(task.environments).map(Number), ...cases.map((one) => one.project_id)])];
  const listed = useQueries({ queries: pids.map((pid) => environments(pid)) });
  const used = pids.flatMap((pid, at) => {
    const found = listed[at]?.data?.data ?? [];
    return found.find(({ id }) => id === task.environments[pid]) ?? found.find(({ is_default }) => is_default) ?? [];
  });
  const grace = task.misfire_grace_seconds ?? (task.cron ? 300 : null);
  return (
    <Descriptions
      column={1}
      size="small"
      colon={false}
      styles={{ label: { width: 112, flex: "none" } }}
      items={[
        {
          key: "status",
          label: t("runs.status"),
          children: (
            <span>
              <Status status={task.paused ? "paused" : task.status} />{" "}
              {task.status === "cancelled" && (
                <span className="faint">
                  · {known.get(task.updated_by.id) ?? task.updated_by.username} · <When at={task.updated_at} />
                </span>
              )}
            </span>
          ),
        },
        {
          key: "when",
          label: t("tasks.when"),
          children: task.cron ? `${recurrence(task.cron, t)} (${task.timezone})` : <When at={task.scheduled_at} full />,
        },
        {
          key: "environment",
          label: t("environments.one"),
          children: (
            <span>
              {used.map((one) => (
                <div key={one.id}>
                  {visible(one.name)}{" "}
                  <span className="nowrap">
                    · <code className="mono">{one.base_urls.default ?? "–"}</code>
                  </span>
                </div>
              ))}
            </span>
          ),
        },
        {
          key: "owners",
          label: t("tasks.owners"),
          children: task.owner_ids.map((one) => known.get(one) ?? `#${one}`).join(t("recur.comma")),
        },
        {
          key: "cases",
          label: task.case_ids.length ? t("tasks.casesCount", { count: task.case_ids.length }) : t("tasks.cases"),
          children: (
            <span>
              {task.case_ids.slice(0, all ? undefined : FEW).map((id) => {
                const item = cases.find((one) => one.id === id);
                return (
                  <span key={id} style={{ display: "inline-block", marginInlineEnd: 10 }}>
                    {item ? (
                      <Link to={`/p/${item.project_id}/cases/${id}` as "/"}>{visible(item.name)}</Link>
                    ) : (
                      `#${id}`
                    )}
                  </span>
                );
              })}
              {task.case_ids.length > FEW && !all && (
                <button type="button" className="link" onClick={() => setAll(true)}>
                  {t("tasks.allCases", { count: task.case_ids.length })}
                </button>
              )}
            </span>
          ),
        },
        {
          key: "mode",
          label: t("tasks.mode"),
          children: task.parallel ? t("tasks.parallelOf", { count: task.max_parallel }) : t("tasks.serialHint"),
        },
        {
          key: "overlap",
          label: t("tasks.overlap"),
          children: t(`overlap.${task.overlap}` as "overlap.skip"),
        },
        { key: "grace", label: t("tasks.grace"), children: grace === null ? "∞" : `${grace} s` },
        {
          key: "retry",
          label: t("steps.retries"),
          children: task.max_retries
            ? t("tasks.retriesOf", { count: task.max_retries, seconds: task.retry_delay_seconds })
            : t("tasks.noRetries"),
        },
        {
          key: "stop",
          label: t("tasks.afterFailure"),
          children: t(task.failed_stop ? "tasks.stops" : "tasks.goesOn"),
        },
        {
          key: "notify",
          label: t("tasks.notify"),
          children: t(`notify.${task.notify}` as "notify.always"),
        },
        { key: "count", label: t("tasks.count"), children: task.execution_count },
      ]}
    />
  );
}
