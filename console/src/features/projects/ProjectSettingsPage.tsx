import { useMutation, useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { App, Button, Form, Input, Select } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { people, queryClient } from "~/api/queries";
import { useSession } from "~/api/session";
import type { ListedUser, Page as PageOf, Project } from "~/api/types";
import { pairVariables, variablePairs } from "~/features/steps/ValueInput";
import { visible } from "~/lib/bidi";
import { Failure } from "~/ui/Failure";
import { KeyValue } from "~/ui/KeyValue";
import { Loaded, Page } from "~/ui/Page";
import { Channels } from "./Channels";
import { ProjectHead, useProject } from "./ProjectHead";

/** A project's name, variables, members and channels. */
export function ProjectSettingsPage() {
  const { t } = useTranslation();
  const pid = Number(useParams({ strict: false }).pid);
  const project = useProject(pid);
  return (
    <Page title={project.data ? visible(project.data.name) : t("projects.settings")}>
      <ProjectHead pid={pid} />
      <Loaded query={project}>
        {(found) => (
          <div className="halves">
            <General key={found.revision} project={found} />
            <div className="stack">
              <Members pid={pid} />
              <Channels pid={pid} write={found.can_write} />
            </div>
          </div>
        )}
      </Loaded>
    </Page>
  );
}

function General({ project }: { project: Project }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const [form] = Form.useForm<{ name: string; description: string; egress_allow: string[] }>();
  const [variables, setVariables] = useState(() => variablePairs(project.variables));
  const save = useMutation({
    mutationFn: () =>
      call("PUT", `/catalog/projects/${project.id}`, {
        body: { ...form.getFieldsValue(true), variables: pairVariables(variables.filter(([name]) => name)) },
        headers: { "If-Match": String(project.revision) },
      }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["projects"] });
      await queryClient.invalidateQueries({ queryKey: ["project", project.id] });
      void message.success(t("me.saved"));
    },
  });
  const { name, description, egress_allow } = project;
  return (
    <section className="panel">
      <h2>{t("projects.general")}</h2>
      {save.error && <Failure error={save.error} />}
      <Form
        form={form}
        layout="vertical"
        className={project.can_write ? undefined : "read-only"}
        requiredMark={project.can_write}
        disabled={!project.can_write}
        initialValues={{ name, description, egress_allow }}
        onFinish={() => save.mutate()}
      >
        <Form.Item name="name" label={t("projects.name")} rules={[{ required: true, max: 100 }]}>
          <Input />
        </Form.Item>
        <Form.Item name="description" label={t("projects.description")}>
          <Input.TextArea rows={2} maxLength={2000} />
        </Form.Item>
        <h3>{t("environments.variables")}</h3>
        <p className="faint small">
          {project.can_write || variables.length
            ? t("projects.variablesHint", { how: "{{name}}" })
            : t("projects.noVariables")}
        </p>
        <KeyValue
          label={t("environments.variables")}
          separator="="
          pairs={variables}
          onChange={setVariables}
          readOnly={!project.can_write}
        />
        <Form.Item
          name="egress_allow"
          label={t("projects.egress")}
          extra={project.can_write && <small>{t("projects.egressHint")}</small>}
          style={{ marginTop: 16, marginBottom: project.can_write ? undefined : 0 }}
        >
          <Select
            mode="tags"
            suffixIcon={null}
            placeholder={t(project.can_write ? "projects.egressExample" : "projects.egressAll")}
          />
        </Form.Item>
        {project.can_write && (
          <Button type="primary" htmlType="submit" loading={save.isPending}>
            {t("action.save")}
          </Button>
        )}
      </Form>
    </section>
  );
}

function Members({ pid }: { pid: number }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const user = useSession()?.user;
  const known = useQuery(people()).data?.data ?? [];
  const members = useQuery({
    queryKey: ["members", pid],
    queryFn: () => call<PageOf<ListedUser>>("GET", `/user/projects/${pid}/members`, { query: { page_size: 200 } }),
  });
  const save = useMutation({
    mutationFn: (user_ids: number[]) => call("PUT", `/user/projects/${pid}/members`, { body: { user_ids } }),
    onSuccess: () => void message.success(t("me.saved")),
    onSettled: () => queryClient.invalidateQueries({ queryKey: ["members", pid] }),
  });
  return (
    <section className="panel">
      <h2>{t("projects.members")}</h2>
      {save.error && <Failure error={save.error} />}
      <Loaded query={members}>
        {(found) =>
          user?.is_superuser ? (
            <Select
              mode="multiple"
              aria-label={t("projects.members")}
              style={{ width: "100%" }}
              placeholder={t("projects.noMembers")}
              loading={save.isPending}
              value={found.data.map((one) => one.id)}
              showSearch={{ optionFilterProp: "label" }}
              options={known.map((one) => ({
                value: one.id,
                label: `${one.real_name || one.username} (${one.username})`,
              }))}
              onChange={(ids) => save.mutate(ids)}
            />
          ) : (
            <p>{found.data.map((one) => one.real_name || one.username).join(", ") || t("projects.noMembers")}</p>
          )
        }
      </Loaded>
      <p className="faint small" style={{ margin: "6px 0 0" }}>
        {t("projects.membersHint")}
      </p>
    </section>
  );
}
