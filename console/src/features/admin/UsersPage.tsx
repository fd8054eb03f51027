import { keepPreviousData, useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { Alert, Button, Input, Popconfirm, type TableColumnsType } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { queryClient } from "~/api/queries";
import { useSession } from "~/api/session";
import type { ListedUser, Page as PageOf } from "~/api/types";
import { visible } from "~/lib/bidi";
import { copyText } from "~/lib/copy";
import { Failure } from "~/ui/Failure";
import { ListTable } from "~/ui/ListTable";
import { Loaded, Page } from "~/ui/Page";
import { paging } from "~/ui/paging";
import { When } from "~/ui/When";
import { firstPassword, type Handed, UserDialog } from "./UserDialog";

/** Users: create, edit, disable, reset the password, assign projects. */
export function UsersPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const me = useSession()?.user;
  const search = useSearch({ strict: false }) as { q?: string; page?: string };
  const [editing, setEditing] = useState<ListedUser | "new" | null>(null);
  const [handed, setHanded] = useState<Handed | null>(null);
  const page = Number(search.page ?? 1);
  const query = { search: search.q, page, page_size: 20 };
  const listed = useQuery({
    queryKey: ["users", query],
    queryFn: () => call<PageOf<ListedUser>>("GET", "/user/user-view", { query }),
    placeholderData: keepPreviousData,
  });
  const refresh = () =>
    Promise.all([
      queryClient.invalidateQueries({ queryKey: ["users"] }),
      queryClient.invalidateQueries({ queryKey: ["people"] }),
    ]);
  const change = useMutation({
    mutationFn: (body: object) => call("PATCH", "/user/user-view", { body }),
    onSettled: refresh,
  });
  const reset = useMutation({
    mutationFn: async ({ id, username }: ListedUser) => {
      const password = firstPassword();
      await call("PATCH", "/user/user-view", { body: { id, password } });
      setHanded({ name: username, password });
    },
    onSettled: refresh,
  });
  const remove = useMutation({
    mutationFn: (id: number) => call("DELETE", "/user/user-view", { query: { id } }),
    onSettled: refresh,
  });
  const error = change.error ?? reset.error ?? remove.error;
  const forSuperusers: TableColumnsType<ListedUser> = [
    {
      title: t("users.role"),
      render: (_, one) => one.is_superuser !== undefined && t(one.is_superuser ? "users.superuser" : "users.plain"),
    },
    {
      title: t("nav.projects"),
      render: (_, one) =>
        one.is_superuser
          ? t("users.allProjects")
          : one.projects?.map((project) => visible(project.name)).join(t("recur.comma")),
    },
    {
      title: t("users.lastLogin"),
      render: (_, one) => one.last_login_utc && <When at={one.last_login_utc} />,
    },
    {
      title: <span className="sr-only">{t("common.actions")}</span>,
      render: (_, one) => (
        <span className="actions">
          <Button size="small" onClick={() => setEditing(one)}>
            {t("action.edit")}
          </Button>
          {one.id !== me?.id && (
            <>
              {one.is_active ? (
                <Popconfirm
                  title={t("users.disableSure", { name: one.username })}
                  onConfirm={() => change.mutate({ id: one.id, is_active: false })}
                >
                  <Button size="small">{t("users.disable")}</Button>
                </Popconfirm>
              ) : (
                <Button size="small" onClick={() => change.mutate({ id: one.id, is_active: true })}>
                  {t("users.enable")}
                </Button>
              )}
              <Popconfirm title={t("users.resetSure", { name: one.username })} onConfirm={() => reset.mutate(one)}>
                <Button size="small">{t("users.reset")}</Button>
              </Popconfirm>
              <Popconfirm title={t("users.deleteSure", { name: one.username })} onConfirm={() => remove.mutate(one.id)}>
                <Button size="small" danger>
                  {t("action.delete")}
                </Button>
              </Popconfirm>
            </>
          )}
        </span>
      ),
    },
  ];
  return (
    <Page
      title={t("nav.users")}
      actions={
        me?.is_superuser && (
          <Button type="primary" onClick={() => setEditing("new")}>
            {t("users.new")}
          </Button>
        )
      }
    >
      {handed && (
        <Alert
          type="success"
          showIcon
          style={{ marginBottom: 12 }}
          title={t("users.passwordOnce", { name: visible(handed.name) })}
          description={<code className="mono">{handed.password}</code>}
          action={<Button onClick={() => void copyText(handed.password)}>{t("action.copy")}</Button>}
          closable={{ onClose: () => setHanded(null) }}
        />
      )}
      {error && <Failure error={error} />}
      <div className="panel">
        <div className="filters">
          <Input.Search
            allowClear
            style={{ width: 260 }}
            placeholder={t("users.search")}
            aria-label={t("users.search")}
            defaultValue={search.q}
            onSearch={(q) => void navigate({ to: ".", search: { q: q || undefined } as never })}
          />
        </div>
        <Loaded query={listed}>
          {(found) => (
            <ListTable<ListedUser>
              rowKey="id"
              dataSource={found.data}
              pagination={paging(
                page,
                found.total,
                (next) => void navigate({ to: ".", search: { ...search, page: next } as never }),
              )}
              columns={[
                {
                  title: t("login.username"),
                  render: (_, one) => <span className="name">{visible(one.username)}</span>,
                },
                { title: t("users.realName"), dataIndex: "real_name" },
                ...(me?.is_superuser ? [{ title: t("users.email"), dataIndex: "email" }] : []),
                {
                  title: t("runs.status"),
                  render: (_, one) =>
                    [
                      one.is_active ? t("users.active") : t("users.inactive"),
                      one.must_change_password && t("users.mustChange"),
                    ]
                      .filter(Boolean)
                      .join(" · "),
                },
                ...(me?.is_superuser ? forSuperusers : []),
              ]}
            />
          )}
        </Loaded>
      </div>
      {editing && (
        <UserDialog
          user={editing === "new" ? null : editing}
          onClose={(made) => {
            setEditing(null);
            if (made) setHanded(made);
            void refresh();
          }}
        />
      )}
    </Page>
  );
}
