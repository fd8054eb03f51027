import { useMutation, useQuery } from "@tanstack/react-query";
import { Alert, App, Button, Form, Input, Popconfirm, Select } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { queryClient } from "~/api/queries";
import type { Channel, Page } from "~/api/types";
import { visible } from "~/lib/bidi";
import { Failure } from "~/ui/Failure";
import { FormDialog } from "~/ui/FormDialog";
import { ListTable } from "~/ui/ListTable";
import { Loaded } from "~/ui/Page";
import { useWord } from "~/ui/words";

const KINDS = ["webhook", "feishu", "dingtalk", "wecom", "slack", "teams"];

interface Fields {
  name: string;
  kind: string;
  url?: string;
  secret?: string;
  notify: string;
}

/** Where a project's runs are told beside the owners' mail: webhooks and chats. */
export function Channels({ pid, write }: { pid: number; write: boolean }) {
  const { t } = useTranslation();
  const word = useWord();
  const { message } = App.useApp();
  const [editing, setEditing] = useState<Channel | "new" | null>(null);
  const [secret, setSecret] = useState<string | null>(null);
  const old = editing === "new" ? null : editing;
  const listed = useQuery({
    queryKey: ["channels", pid],
    queryFn: () =>
      call<Page<Channel>>("GET", "/notifications/channels", { query: { project_id: pid, page_size: 100 } }),
  });
  const refresh = () => queryClient.invalidateQueries({ queryKey: ["channels", pid] });
  const save = useMutation({
    mutationFn: ({ kind, secret: given, url, ...fields }: Fields) => {
      const body = { ...fields, ...(given && { secret: given }), ...(url && { url }) };
      return old
        ? call<{ secret?: string | null }>("PUT", `/notifications/channels/${old.id}`, {
            body: { ...body, language: old.language, enabled: old.enabled },
            headers: { "If-Match": String(old.revision) },
          })
        : call<{ secret?: string | null }>("POST", "/notifications/channels", {
            body: { ...body, kind, project_id: pid },
          });
    },
    onSuccess: async (made) => {
      setEditing(null);
      setSecret(made.secret ?? null);
      await refresh();
    },
  });
  const open = (channel: Channel | "new") => {
    save.reset();
    setEditing(channel);
  };
  const test = useMutation({
    mutationFn: (id: number) =>
      call<{ ok: boolean; error: string | null }>("POST", `/notifications/channels/${id}/test`, { timeout: 30_000 }),
    onSuccess: (answer) =>
      void (answer.ok ? message.success(t("channels.tested")) : message.error(answer.error ?? t("status.failed"))),
  });
  const remove = useMutation({
    mutationFn: (id: number) => call("DELETE", `/notifications/channels/${id}`),
    onSettled: refresh,
  });
  const error = test.error ?? remove.error;
  return (
    <section className="panel">
      <h2>{t("channels.title")}</h2>
      {secret && (
        <Alert
          type="success"
          showIcon
          title={t("channels.secretOnce")}
          description={<code className="mono">{secret}</code>}
          closable={{ onClose: () => setSecret(null) }}
        />
      )}
      {error && <Failure error={error} />}
      <Loaded query={listed}>
        {(page) =>
          page.total === 0 ? (
            <p className="faint">{t("channels.none")}</p>
          ) : (
            <ListTable<Channel>
              rowKey="id"
              dataSource={page.data}
              pagination={false}
              columns={[
                {
                  title: t("keyValue.name"),
                  render: (_, one) => (
                    <>
                      <span className="name">{visible(one.name)}</span>
                      <div className="faint small">{one.host}</div>
                    </>
                  ),
                },
                { title: t("channels.kind"), render: (_, one) => word("channels.kinds", one.kind) },
                { title: t("tasks.notify"), render: (_, one) => t(`notify.${one.notify}` as "notify.always") },
                {
                  title: <span className="sr-only">{t("common.actions")}</span>,
                  render: (_, one) =>
                    write && (
                      <span className="actions">
                        <Button size="small" loading={test.isPending} onClick={() => test.mutate(one.id)}>
                          {t("channels.test")}
                        </Button>
                        <Button size="small" onClick={() => open(one)}>
                          {t("action.edit")}
                        </Button>
                        <Popconfirm
                          title={t("channels.deleteSure", { name: one.name })}
                          onConfirm={() => remove.mutate(one.id)}
                        >
                          <Button size="small" danger>
                            {t("action.delete")}
                          </Button>
                        </Popconfirm>
                      </span>
                    ),
                },
              ]}
            />
          )
        }
      </Loaded>
      {write && (
        <Button style={{ marginTop: 12 }} onClick={() => open("new")}>
          + {t("channels.new")}
        </Button>
      )}
      <FormDialog<Fields>
        open={editing !== null}
        title={old ? visible(old.name) : t("channels.new")}
        ok={old ? t("action.save") : t("action.create")}
        busy={save.isPending}
        error={save.error}
        initial={
          old ? { name: old.name, kind: old.kind, notify: old.notify } : { kind: "webhook", notify: "on_failure" }
        }
        onFinish={(fields) => save.mutate(fields)}
        onClose={() => setEditing(null)}
      >
        <Form.Item name="name" label={t("keyValue.name")} rules={[{ required: true, max: 100 }]}>
          <Input autoFocus />
        </Form.Item>
        <Form.Item name="kind" label={t("channels.kind")}>
          <Select
            disabled={old !== null}
            options={KINDS.map((value) => ({ value, label: word("channels.kinds", value) }))}
          />
        </Form.Item>
        <Form.Item
          name="url"
          label={t("channels.host")}
          rules={[{ required: !old }]}
          extra={old && <small>{t("channels.kept", { host: old.host })}</small>}
        >
          <Input placeholder="https://" />
        </Form.Item>
        <Form.Item name="secret" label={t("channels.secret")} extra={!old && <small>{t("channels.secretHint")}</small>}>
          <Input.Password visibilityToggle={false} autoComplete="off" />
        </Form.Item>
        <Form.Item name="notify" label={t("tasks.notify")}>
          <Select
            options={["always", "on_failure", "on_change"].map((value) => ({
              value,
              label: t(`notify.${value}` as "notify.always"),
            }))}
          />
        </Form.Item>
      </FormDialog>
    </section>
  );
}
