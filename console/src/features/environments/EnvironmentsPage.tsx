import { useMutation, useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { Button, Drawer, Popconfirm } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { environments, queryClient } from "~/api/queries";
import type { Environment } from "~/api/types";
import { ProjectHead, useProject } from "~/features/projects/ProjectHead";
import { visible } from "~/lib/bidi";
import { Empty } from "~/ui/Empty";
import { Failure } from "~/ui/Failure";
import { ListTable } from "~/ui/ListTable";
import { Loaded, LoadedPage, Page } from "~/ui/Page";
import { When } from "~/ui/When";
import { EnvironmentForm, FORM } from "./EnvironmentForm";

/** The environments of a project: addresses, headers, variables, secrets. */
export function EnvironmentsPage() {
  const { t } = useTranslation();
  const pid = Number(useParams({ strict: false }).pid);
  const found = useProject(pid);
  const project = found.data;
  const listed = useQuery(environments(pid));
  const [editing, setEditing] = useState<Environment | "new" | null>(null);
  const [busy, setBusy] = useState(false);
  const write = project?.can_write ?? false;
  const refresh = () => queryClient.invalidateQueries({ queryKey: ["environments", pid] });
  const remove = useMutation({
    mutationFn: (id: number) => call("DELETE", `/catalog/environments/${id}`),
    onSettled: refresh,
  });
  const button = write && (
    <Button type="primary" onClick={() => setEditing("new")}>
      {t("environments.new")}
    </Button>
  );
  if (found.error)
    return (
      <LoadedPage query={found} title={t("nav.projects")} up="/projects">
        {() => null}
      </LoadedPage>
    );
  return (
    <Page
      title={project ? visible(project.name) : t("environments.title")}
      actions={listed.data?.total !== 0 && button}
    >
      <ProjectHead pid={pid} />
      <div className="panel">
        {remove.error && <Failure error={remove.error} />}
        <Loaded query={listed}>
          {(page) =>
            page.total === 0 ? (
              <Empty text={t("environments.none")}>{button}</Empty>
            ) : (
              <ListTable<Environment>
                rowKey="id"
                dataSource={page.data}
                pagination={false}
                columns={[
                  {
                    title: t("environments.name"),
                    render: (_, one) => (
                      <>
                        <button type="button" className="link name" onClick={() => setEditing(one)}>
                          {visible(one.name)}
                        </button>
                        {one.is_default && <span className="faint"> ★ {t("environments.default")}</span>}
                      </>
                    ),
                  },
                  {
                    title: t("environments.baseUrl"),
                    render: (_, one) => <code className="mono">{one.base_urls.default ?? "–"}</code>,
                  },
                  { title: t("environments.variables"), render: (_, one) => Object.keys(one.variables).length },
                  { title: t("environments.secrets"), render: (_, one) => one.secrets.length },
                  { title: t("common.updated"), render: (_, one) => <When at={one.updated_at} /> },
                  ...(write
                    ? [
                        {
                          title: <span className="sr-only">{t("common.actions")}</span>,
                          render: (_: unknown, one: Environment) => (
                            <Popconfirm
                              title={t("environments.deleteSure", { name: one.name })}
                              onConfirm={() => remove.mutate(one.id)}
                            >
                              <Button size="small" danger>
                                {t("action.delete")}
                              </Button>
                            </Popconfirm>
                          ),
                        },
                      ]
                    : []),
                ]}
              />
            )
          }
        </Loaded>
      </div>
      <Drawer
        open={editing !== null}
        size={680}
        title={
          editing === "new" ? t("environments.new") : editing && t("environments.edit", { name: visible(editing.name) })
        }
        onClose={() => setEditing(null)}
        destroyOnHidden
        styles={{ footer: { paddingInline: 24 } }}
        footer={
          write && (
            <div className="actions">
              <Button type="primary" htmlType="submit" form={FORM} loading={busy}>
                {t("action.save")}
              </Button>
              <Button onClick={() => setEditing(null)}>{t("action.cancel")}</Button>
            </div>
          )
        }
      >
        {editing && (
          <EnvironmentForm
            pid={pid}
            environment={editing === "new" ? null : editing}
            write={write}
            onBusy={setBusy}
            onSaved={() => {
              setEditing(null);
              void refresh();
            }}
          />
        )}
      </Drawer>
    </Page>
  );
}
