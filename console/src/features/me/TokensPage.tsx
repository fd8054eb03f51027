import { useMutation, useQuery } from "@tanstack/react-query";
import { Alert, Button, Checkbox, DatePicker, Form, Input, Popconfirm } from "antd";
import dayjs, { type Dayjs } from "dayjs";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { queryClient } from "~/api/queries";
import type { Page as PageOf, Token } from "~/api/types";
import { visible } from "~/lib/bidi";
import { copyText } from "~/lib/copy";
import { withOffset } from "~/lib/time";
import { Empty } from "~/ui/Empty";
import { Failure } from "~/ui/Failure";
import { FormDialog } from "~/ui/FormDialog";
import { ListTable } from "~/ui/ListTable";
import { Loaded, Page } from "~/ui/Page";
import { When } from "~/ui/When";
import { useWord } from "~/ui/words";

interface Fields {
  name: string;
  scopes: string[];
  expires: Dayjs;
}

const inDays = (days: number) => dayjs().add(days, "day").endOf("day");

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
    mutationFn: ({ expires, ...fields }: Fields) =>
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
    <Page title={t("shell.tokens")} actions={listed.data?.total !== 0 && button}>
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
                  { title: t("keyValue.name"), render: (_, one) => <span className="name">{visible(one.name)}</span> },
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
      <FormDialog<Fields>
        open={open}
        title={t("tokens.new")}
        ok={t("action.create")}
        busy={create.isPending}
        error={create.error}
        initial={{ scopes: ["read", "run"], expires: inDays(90) }}
        onFinish={(fields) => create.mutate(fields)}
        onClose={() => setOpen(false)}
      >
        <Form.Item name="name" label={t("keyValue.name")} rules={[{ required: true, max: 100 }]}>
          <Input autoFocus placeholder={t("tokens.example")} />
        </Form.Item>
        <Form.Item name="scopes" label={t("tokens.scopes")} rules={[{ type: "array", min: 1 }]}>
          <Checkbox.Group
            style={{ display: "grid", gap: 4 }}
            options={["read", "run", "write"].map((value) => ({
              value,
              label: t(`tokens.hint.${value}` as "tokens.hint.read"),
            }))}
          />
        </Form.Item>
        <Form.Item name="expires" label={t("tokens.expires")} rules={[{ required: true }]}>
          <DatePicker
            showTime
            presets={[30, 90, 365].map((count) => ({ label: t("tokens.days", { count }), value: inDays(count) }))}
          />
        </Form.Item>
      </FormDialog>
    </Page>
  );
}
