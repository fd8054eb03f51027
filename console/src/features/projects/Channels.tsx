import { useMutation, useQuery } from "@tanstack/react-query";
import { Alert, App, Button, Form, Input, Modal, Popconfirm, Select } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { queryClient } from "~/api/queries";
import type { Channel, Page } from "~/api/types";
import { Failure } from "~/ui/Failure";
import { Loaded } from "~/ui/Page";
import { useWord } from "~/ui/words";

const KINDS = ["webhook", "feishu", "dingtalk", "wecom", "slack", "teams"];

/** Where a project's runs are told beside the owners' mail: webhooks and chats. */
export function Channels({ pid, write }: { pid: number; write: boolean }) {
  const { t } = useTranslation();
  const word = useWord();
  const { message } = App.useApp();
  const [open, setOpen] = useState(false);
  const [secret, setSecret] = useState<string | null>(null);
  const listed = useQuery({
    queryKey: ["channels", pid],
    queryFn: () =>
      call<Page<Channel>>("GET", "/notifications/channels", { query: { project_id: pid, page_size: 100 } }),
  });
  const refresh = () => queryClient.invalidateQueries({ queryKey: ["channels", pid] });
  const create = useMutation({
    mutationFn: ({
      secret: given,
      ...body
    }: {
      name: string;
      kind: string;
      url: string;
      notify: string;
      secret?: string;
    }) =>
      call<{ secret: string | null }>("POST", "/notifications/channels", {
        body: { ...body, project_id: pid, ...(given && { secret: given }) },
      }),
    onSuccess: async (made) => {
      setOpen(false);
      setSecret(made.secret);
      await refresh();
    },
  });
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
        {(page) => (
          <table className="grid cards">
            <tbody>
              {page.data.map((one) => (
                <tr key={one.id}>
                  <td>{one.name}</td>
                  <td>{word("channels.kinds", one.kind)}</td>
                  <td>
                    <code className="mono">{one.host}</code>
                  </td>
                  <td>{t(`notify.${one.notify}` as "notify.always")}</td>
                  <td>
                    {write && (
                      <span className="actions">
                        <Button size="small" loading={test.isPending} onClick={() => test.mutate(one.id)}>
                          {t("channels.test")}
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
                    )}
                  </td>
                </tr>
              ))}
              {page.total === 0 && (
                <tr>
                  <td className="faint">{t("channels.none")}</td>
                </tr>
              )}
            </tbody>
          </table>
        )}
      </Loaded>
      {write && (
        <Button style={{ marginTop: 12 }} onClick={() => setOpen(true)}>
          + {t("channels.new")}
        </Button>
      )}
      <Modal open={open} title={t("channels.new")} footer={null} onCancel={() => setOpen(false)} destroyOnHidden>
        {create.error && <Failure error={create.error} />}
        <Form
          layout="vertical"
          initialValues={{ kind: "webhook", notify: "on_failure" }}
          onFinish={(fields) => create.mutate(fields)}
        >
          <Form.Item name="name" label={t("keyValue.name")} rules={[{ required: true, max: 100 }]}>
            <Input autoFocus />
          </Form.Item>
          <Form.Item name="kind" label={t("channels.kind")}>
            <Select options={KINDS.map((value) => ({ value, label: word("channels.kinds", value) }))} />
          </Form.Item>
          <Form.Item name="url" label="URL" rules={[{ required: true }]}>
            <Input placeholder="https://" />
          </Form.Item>
          <Form.Item name="secret" label={t("channels.secret")}>
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
          <Button type="primary" htmlType="submit" loading={create.isPending}>
            {t("action.create")}
          </Button>
        </Form>
      </Modal>
    </section>
  );
}
