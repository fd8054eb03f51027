import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Button, Form, Input } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { projects, queryClient } from "~/api/queries";
import { useSession } from "~/api/session";
import type { Project, ProjectRate } from "~/api/types";
import { visible } from "~/lib/bidi";
import { percent } from "~/lib/time";
import { Empty } from "~/ui/Empty";
import { Failure } from "~/ui/Failure";
import { FormDialog } from "~/ui/FormDialog";
import { ListTable } from "~/ui/ListTable";
import { Loaded, Page } from "~/ui/Page";
import { When } from "~/ui/When";
import { useSample } from "./sample";

interface Fields {
  name: string;
  description?: string;
}

/** Every project, and where the reader may write. */
export function ProjectsPage() {
  const { t } = useTranslation();
  const user = useSession()?.user;
  const listed = useQuery(projects);
  const ids = (listed.data?.data ?? []).map((one) => one.id).join(",");
  const rates = useQuery({
    queryKey: ["rates", ids],
    queryFn: () => call<{ data: ProjectRate[] }>("GET", "/runs/rates", { query: { project_ids: ids, days: 7 } }),
    enabled: ids !== "",
  });
  const rateOf = new Map(rates.data?.data.map((one) => [one.project_id, one.pass_rate]));
  const sample = useSample();
  const [open, setOpen] = useState(false);
  const create = useMutation({
    mutationFn: (body: Fields) => call<Project>("POST", "/catalog/projects", { body }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["projects"] });
      setOpen(false);
    },
  });
  const buttons = user?.is_superuser && (
    <>
      <Button loading={sample.isPending} onClick={() => sample.mutate()}>
        {t("home.loadSample")}
      </Button>
      <Button type="primary" onClick={() => setOpen(true)}>
        {t("projects.new")}
      </Button>
    </>
  );
  return (
    <Page title={t("nav.projects")} actions={buttons}>
      {sample.error && <Failure error={sample.error} />}
      <div className="panel">
        <Loaded query={listed}>
          {(page) =>
            page.total === 0 ? (
              <Empty text={user?.is_superuser ? t("projects.none") : t("home.askAdmin", { name: user?.username })}>
                {buttons}
              </Empty>
            ) : (
              <ListTable<Project>
                rowKey="id"
                dataSource={page.data}
                pagination={page.total > 20 ? { pageSize: 20, showSizeChanger: false } : false}
                columns={[
                  {
                    title: t("projects.name"),
                    render: (_, one) => (
                      <Link to={`/p/${one.id}/cases` as "/"} className="name">
                        {visible(one.name)}
                      </Link>
                    ),
                  },
                  { title: t("projects.description"), render: (_, one) => visible(one.description) },
                  { title: t("projects.cases"), dataIndex: "case_count", className: "num" },
                  {
                    title: t("projects.rate"),
                    className: "num",
                    render: (_, one) => percent(rateOf.get(one.id)),
                  },
                  {
                    title: t("projects.right"),
                    render: (_, one) => (one.can_write ? t("projects.member") : t("projects.reader")),
                  },
                  { title: t("common.updated"), render: (_, one) => <When at={one.updated_at} /> },
                  {
                    title: <span className="sr-only">{t("common.actions")}</span>,
                    render: (_, one) => (
                      <span className="actions">
                        <Link to={`/p/${one.id}/environments` as "/"}>{t("environments.title")}</Link>
                        <Link to={`/p/${one.id}/settings` as "/"}>{t("projects.settings")}</Link>
                      </span>
                    ),
                  },
                ]}
              />
            )
          }
        </Loaded>
      </div>
      <FormDialog<Fields>
        open={open}
        title={t("projects.new")}
        ok={t("action.create")}
        busy={create.isPending}
        error={create.error}
        onFinish={(fields) => create.mutate(fields)}
        onClose={() => setOpen(false)}
      >
        <Form.Item name="name" label={t("projects.name")} rules={[{ required: true, max: 100 }]}>
          <Input autoFocus />
        </Form.Item>
        <Form.Item name="description" label={t("projects.description")}>
          <Input.TextArea rows={2} maxLength={2000} />
        </Form.Item>
      </FormDialog>
    </Page>
  );
}
