import { useMutation, useQuery } from "@tanstack/react-query";
import { Alert, Button, Checkbox, DatePicker, Form, Input, Modal, Popconfirm } from "antd";
import dayjs, { type Dayjs } from "dayjs";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { queryClient } from "~/api/queries";
import type { Page as PageOf, Token } from "~/api/types";
import { copyText } from "~/lib/copy";
import { withOffset } from "~/lib/time";
import { Empty } from "~/ui/Empty";
import { Failure } from "~/ui/Failure";
import { ListTable } from "~/ui/ListTable";
import { Loaded, Page } from "~/ui/Page";
import { When } from "~/ui/When";
import { useWord } from "~/ui/words";

/** Keys for machines: named, scoped, expiring, shown once. */
export function TokensPage() {
  const { t } = useTranslation();
  const word = useWord();
  const [open, setOpen] = useState(false);
  const [made, setMade] = useState<string | null>(null);
  const listed = useQuery({
    queryKey: ["tokens"],
    queryFn: () => call<PageOf<Token>>("GET", "/user/tokens", { query: { page_size: 100 } }),
  });
  const refresh = () => queryClient.invalidateQueries({ queryKey: ["tokens"] });
  const create = useMutation({
    mutationFn: ({ expires, ...fields }: { name: string; scopes: string[]; expires: Dayjs }) =>
      call<{ token: string }>("POST", "/user/tokens", { body: { ...fields, expires_at: withOffset(expires) } }),
    onSuccess: async ({ token }) => {
      setOpen(false);
      setMade(token);
      await refresh();
    },
  });
  const remove = useMutation({
    mutationFn: (id: number) => call("DELETE", "/user/tokens", { query: { id } }),
    onSettled: refresh,
  });
  const button = (
    <Button type="primary" onClick={() => setOpen(true)}>
      {t("tokens.new")}
    </Button>
  );
  return (
    <Page title={t("shell.tokens")} actions={button}>
      {made && (
        <Alert
          type="success"
          showIcon
          style={{ marginBottom: 12 }}
          title={t("tokens.once")}
          description={<code className="mono">{made}</code>}
          action={<Button onClick={() => void copyText(made)}>{t("action.copy")}</Button>}
          closable={{ onClose: () => setMade(null) }}
        />
      )}
      {remove.error && <Failure error={remove.error} />}
      <div className="panel">
        <Loaded query={listed}>
          {(page) =>
            page.total === 0 ? (
              <Empty text={t("tokens.none")}>{button}</Empty>
            ) : (
              <ListTable<Token>
                rowKey="id"
                dataSource={page.data}
                pagination={false}
                columns={[
                  { title: t("keyValue.name"), dataIndex: "name" },
                  {
                    title: t("tokens.scopes"),
                    render: (_, one) => one.scopes.map((scope) => word("tokens", scope)).join(t("recur.comma")),
                  },
                  { title: t("tokens.created"), render: (_, one) => <When at={one.created_utc} /> },
                  { title: t("tokens.expires"), render: (_, one) => <When at={one.expires_at_utc} far /> },
                  {
                    title: <span className="sr-only">{t("common.actions")}</span>,
                    render: (_, one) => (
                      <Popconfirm
                        title={t("tokens.deleteSure", { name: one.name })}
                        onConfirm={() => remove.mutate(one.id)}
                      >
                        <Button size="small" danger>
                          {t("action.delete")}
                        </Button>
                      </Popconfirm>
                    ),
                  },
                ]}
              />
            )
          }
        </Loaded>
      </div>
      <Modal open={open} title={t("tokens.new")} footer={null} onCancel={() => setOpen(false)} destroyOnHidden>
        {create.error && <Failure error={create.error} />}
        <Form
          layout="vertical"
          initialValues={{ scopes: ["read", "run"], expires: dayjs().add(90, "day") }}
          onFinish={(fields) => create.mutate(fields)}
        >
          <Form.Item name="name" label={t("keyValue.name")} rules={[{ required: true, max: 100 }]}>
            <Input autoFocus placeholder="CI" />
          </Form.Item>
          <Form.Item name="scopes" label={t("tokens.scopes")} rules={[{ type: "array", min: 1 }]}>
            <Checkbox.Group
              options={["read", "run", "write"].map((value) => ({
                value,
                label: t(`tokens.${value}` as "tokens.read"),
              }))}
            />
          </Form.Item>
          <Form.Item name="expires" label={t("tokens.expires")} rules={[{ required: true }]}>
            <DatePicker showTime />
          </Form.Item>
          <Button type="primary" htmlType="submit" loading={create.isPending}>
            {t("action.create")}
          </Button>
        </Form>
      </Modal>
    </Page>
  );
}
