import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Button, Input } from "antd";
import dayjs from "dayjs";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { projects } from "~/api/queries";
import type { Cursor, Run } from "~/api/types";
import { Empty } from "~/ui/Empty";
import { Filter } from "~/ui/Filter";
import { Loaded, Page } from "~/ui/Page";
import { RunTable } from "./RunTable";

type Search = Record<string, string | undefined>;

const STATUSES = ["queued", "running", "cancelling", "passed", "failed", "error", "cancelled"];
const TRIGGERS = ["schedule", "retry", "manual", "api", "rerun"];

/** Every run, newest first, by what one looks for. */
export function RunsPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const search = useSearch({ strict: false }) as Search;
  const listed = useQuery(projects).data?.data ?? [];
  const query = {
    task_id: search.task,
    case_id: search.case,
    project_id: search.project,
    status: search.status,
    trigger: search.trigger,
    owner: search.owner,
    since: search.from,
    until: search.to,
    cursor: search.cursor,
    limit: 30,
  };
  const runs = useQuery({
    queryKey: ["runs", query],
    queryFn: () => call<Cursor<Run>>("GET", "/runs", { query }),
    placeholderData: keepPreviousData,
    refetchInterval: (state) => (state.state.data?.data.some((run) => !run.finished_at) ? 3000 : 15_000),
  });
  const go = (change: Search) =>
    void navigate({ to: ".", search: { ...search, cursor: undefined, ...change } as never });
  const filtered = Object.keys(search).some((key) => key !== "cursor");
  const nothing = runs.data?.data.length === 0 && !filtered && !search.cursor;
  const start = (
    <Link to="/cases">
      <Button type="primary">{t("runs.chooseCases")}</Button>
    </Link>
  );
  return (
    <Page title={t("nav.runs")} actions={!nothing && start}>
      <div className="panel">
        {!nothing && (
          <div className="filters">
            <Filter
              label={t("runs.anyStatus")}
              value={search.status}
              options={STATUSES.map((value) => ({ value, label: t(`status.${value}` as "status.passed") }))}
              onChange={(status) => go({ status })}
            />
            <Filter
              label={t("runs.anyTrigger")}
              value={search.trigger}
              options={TRIGGERS.map((value) => ({ value, label: t(`trigger.${value}` as "trigger.api") }))}
              onChange={(trigger) => go({ trigger })}
            />
            <Filter
              label={t("runs.anyProject")}
              value={search.project}
              options={listed.map((one) => ({ value: String(one.id), label: one.name }))}
              onChange={(project) => go({ project })}
              width={180}
            />
            <Filter
              label={t("runs.anyOwner")}
              value={search.owner}
              width={150}
              options={[{ value: "me", label: t("runs.mine") }]}
              onChange={(owner) => go({ owner })}
            />
            {(["from", "to"] as const).map((end) => (
              <Input
                key={end}
                type="date"
                style={{ width: 180, minWidth: 176, height: 32 }}
                prefix={<span className="faint">{t(`runs.${end}`)}</span>}
                aria-label={t(`runs.${end}`)}
                value={search[end] ? dayjs(search[end]).format("YYYY-MM-DD") : ""}
                onChange={({ target: { value } }) => {
                  const day = dayjs(value);
                  go({ [end]: value && (end === "to" ? day.endOf("day") : day).toISOString() });
                }}
              />
            ))}
            {filtered && (
              <Button onClick={() => void navigate({ to: ".", search: {} as never })}>
                {t("action.clearFilters")}
              </Button>
            )}
          </div>
        )}
        <Loaded query={runs}>
          {({ data, next_cursor }) =>
            data.length === 0 ? (
              <Empty text={filtered ? t("runs.noneFound") : t("runs.none")}>{nothing && start}</Empty>
            ) : (
              <>
                <RunTable runs={data} />
                {(search.cursor || next_cursor) && (
                  <div className="actions" style={{ marginTop: 12 }}>
                    {search.cursor && <Button onClick={() => go({})}>{t("runs.newest")}</Button>}
                    {next_cursor && <Button onClick={() => go({ cursor: next_cursor })}>{t("runs.older")}</Button>}
                  </div>
                )}
              </>
            )
          }
        </Loaded>
      </div>
    </Page>
  );
}
