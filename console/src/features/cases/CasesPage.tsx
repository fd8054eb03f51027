import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { App, Button, Input } from "antd";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { queryClient } from "~/api/queries";
import type { CaseItem, LastResult, Page as PageOf } from "~/api/types";
import { ProjectHead, useProject } from "~/features/projects/ProjectHead";
import { RunButton } from "~/features/runs/RunButton";
import { visible } from "~/lib/bidi";
import { Empty } from "~/ui/Empty";
import { Filter } from "~/ui/Filter";
import { ListTable } from "~/ui/ListTable";
import { Loaded, LoadedPage, Page } from "~/ui/Page";
import { paging } from "~/ui/paging";
import { Status } from "~/ui/Status";
import { When } from "~/ui/When";
import { ModuleTree } from "./ModuleTree";
import "./cases.css";

/** Fetched once cases are chosen. */
const BulkMenu = lazy(() => import("./BulkMenu"));

type Search = Record<string, string | undefined>;

const ENDS = ["passed", "failed", "error"] as const;

/** A page of cases; with a status those that ended so last, which another service knows. */
async function casesThatEnded(pid: number, status: string | undefined, query: object): Promise<PageOf<CaseItem>> {
  const list = (ids?: string) => call<PageOf<CaseItem>>("GET", "/catalog/cases", { query: { ...query, ids } });
  if (!status) return list();
  const last = await call<{ data: LastResult[] }>("GET", "/runs/last", { query: { project_id: pid, status } });
  const ids = last.data.map((one) => one.case_id);
  return ids.length ? list(ids.join(",")) : { data: [], total: 0, page: 1, page_size: 20 };
}

/** The cases of a project: modules at the left, the table with last results at the right. */
export function CasesPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { message } = App.useApp();
  const pid = Number(useParams({ strict: false }).pid);
  const search = useSearch({ strict: false }) as Search;
  const found = useProject(pid);
  const project = found.data;
  const [chosen, setChosen] = useState<number[]>([]);
  const page = Number(search.page ?? 1);
  const query = {
    project_id: pid,
    module_id: search.module,
    recursive: search.module ? true : undefined,
    search: search.q,
    tag: search.tag,
    sort: search.sort ?? "-updated_at",
    page,
    page_size: 20,
  };
  const cases = useQuery({
    queryKey: ["cases", query, search.status],
    queryFn: () => casesThatEnded(pid, search.status, query),
  });
  const ids = (cases.data?.data ?? []).map((one) => one.id).join(",");
  const last = useQuery({
    queryKey: ["last", ids],
    queryFn: () => call<{ data: LastResult[] }>("GET", "/runs/last", { query: { case_ids: ids } }),
    enabled: ids !== "",
    refetchInterval: 15_000,
  });
  const results = new Map<number, LastResult>();
  for (const one of last.data?.data ?? []) if (!results.has(one.case_id)) results.set(one.case_id, one);
  const done = async (said: string) => {
    setChosen([]);
    await Promise.all(["cases", "modules"].map((key) => queryClient.invalidateQueries({ queryKey: [key] })));
    void message.success(said);
  };
  const go = (change: Search) => {
    setChosen([]);
    void navigate({ to: ".", search: { ...search, page: undefined, ready: undefined, ...change } as never });
  };
  const write = project?.can_write ?? false;
  const newCase = (
    <Link to={`/p/${pid}/cases/new` as "/"} search={{ module: search.module } as never}>
      <Button type="primary">{t("cases.new")}</Button>
    </Link>
  );
  const filtered = Boolean(search.q || search.tag || search.status);
  const nothing = cases.data?.total === 0 && !filtered && !search.module;
  if (found.error)
    return (
      <LoadedPage query={found} title={t("nav.projects")} up="/projects">
        {() => null}
      </LoadedPage>
    );
  return (
    <Page title={project ? visible(project.name) : t("nav.cases")} actions={write && !nothing && newCase}>
      <ProjectHead pid={pid} />
      <div className="split">
        <ModuleTree
          pid={pid}
          selected={search.module ?? null}
          onSelect={(module) => go({ module: module ?? undefined })}
          write={write}
        />
        <div className="panel">
          <div className="filters">
            {chosen.length > 0 && write ? (
              <>
                <span className="num">{t("cases.chosen", { count: chosen.length })}</span>
                <RunButton pid={pid} caseIds={chosen} />
                <Link to="/tasks/new" search={{ cases: chosen.join(",") } as never}>
                  <Button>{t("cases.schedule")}</Button>
                </Link>
                <Suspense fallback={null}>
                  <BulkMenu pid={pid} ids={chosen} onDone={done} />
                </Suspense>
              </>
            ) : (
              !nothing && (
                <>
                  <Input.Search
                    allowClear
                    style={{ width: 260 }}
                    placeholder={t("cases.search")}
                    aria-label={t("cases.search")}
                    defaultValue={search.q}
                    onSearch={(q) => go({ q: q || undefined })}
                  />
                  <Filter
                    label={t("cases.last")}
                    value={search.status}
                    options={ENDS.map((value) => ({ value, label: t(`status.${value}`) }))}
                    onChange={(status) => go({ status })}
                  />
                  {search.tag && <Button onClick={() => go({ tag: undefined })}>{visible(search.tag)} ✕</Button>}
                  {search.ready && write && (
                    <>
                      <span className="spring" />
                      <span>{t("cases.sampleReady")}</span>
                      <RunButton pid={pid} caseIds={(cases.data?.data ?? []).map((one) => one.id)} primary />
                    </>
                  )}
                </>
              )
            )}
          </div>
          <Loaded query={cases}>
            {(found) =>
              found.total === 0 ? (
                <Empty text={filtered || search.module ? t("cases.noneFound") : t("cases.none")}>
                  {filtered ? (
                    <Button onClick={() => go({ q: undefined, tag: undefined, status: undefined })}>
                      {t("action.clearFilters")}
                    </Button>
                  ) : (
                    write && (
                      <>
                        {newCase}
                        <Link to={`/p/${pid}/import` as "/"} search={{ module: search.module } as never}>
                          <Button>{t("imports.paste")}</Button>
                        </Link>
                      </>
                    )
                  )}
                </Empty>
              ) : (
                <div style={{ overflowX: "auto" }}>
                  <ListTable<CaseItem>
                    rowKey="id"
                    dataSource={found.data}
                    loading={cases.isPlaceholderData}
                    rowSelection={
                      write
                        ? {
                            selectedRowKeys: chosen,
                            onChange: (keys) => setChosen(keys as number[]),
                            getCheckboxProps: (one) => ({ "aria-label": one.name }) as object,
                          }
                        : undefined
                    }
                    pagination={paging(page, found.total, (next) => go({ page: next }))}
                    columns={[
                      {
                        title: t("cases.name"),
                        render: (_, one) => (
                          <Link to={`/p/${pid}/cases/${one.id}` as "/"} className="name">
                            {visible(one.name)}
                          </Link>
                        ),
                      },
                      {
                        title: t("cases.tags"),
                        render: (_, one) =>
                          one.tags.length > 0 && (
                            <span className="tags">
                              {one.tags.map((tag) => (
                                <button key={tag} type="button" onClick={() => go({ tag })}>
                                  {visible(tag)}
                                </button>
                              ))}
                            </span>
                          ),
                      },
                      { title: t("cases.steps"), dataIndex: "step_count", className: "num" },
                      {
                        title: t("cases.last"),
                        render: (_, one) => {
                          const result = results.get(one.id);
                          return result ? (
                            <Link to={`/runs/${result.run_id}/cases/${one.id}` as "/"}>
                              <Status status={result.status} />
                            </Link>
                          ) : (
                            <span className="faint">{t("cases.neverRun")}</span>
                          );
                        },
                      },
                      { title: t("cases.lastAt"), render: (_, one) => <When at={results.get(one.id)?.finished_at} /> },
                      { title: t("common.updatedBy"), responsive: ["md"], render: (_, one) => one.updated_by.username },
                      ...(write
                        ? [
                            {
                              title: <span className="sr-only">{t("common.actions")}</span>,
                              render: (_: unknown, one: CaseItem) => <RunButton pid={pid} caseIds={[one.id]} small />,
                            },
                          ]
                        : []),
                    ]}
                  />
                </div>
              )
            }
          </Loaded>
        </div>
      </div>
    </Page>
  );
}
