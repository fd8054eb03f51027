import { useMutation, useQuery } from "@tanstack/react-query";
import { Button, Form, Input, Modal, Select, Switch } from "antd";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { projects } from "~/api/queries";
import type { ListedUser } from "~/api/types";
import { Failure } from "~/ui/Failure";

interface Fields {
  username: string;
  real_name?: string;
  email?: string;
  password?: string;
  is_superuser: boolean;
  project_ids: number[];
}

/** A user and the projects they are a member of. */
export function UserDialog({ user, onClose }: { user: ListedUser | null; onClose: () => void }) {
  const { t } = useTranslation();
  const listed = useQuery(projects).data?.data ?? [];
  const save = useMutation({
    mutationFn: async ({ project_ids, password, ...fields }: Fields) => {
      const given = {
        ...fields,
        real_name: fields.real_name || fields.username,
        email: fields.email ?? "",
        ...(password && { password }),
      };
      const saved = user
        ? user.id
        : (await call<{ user: { id: number } }>("POST", "/user/user-view", { body: given })).user.id;
      if (user) await call("PATCH", "/user/user-view", { body: { id: user.id, ...given } });
      await call("POST", "/user/assign-projects", { body: { user_id: saved, project_ids } });
    },
    onSuccess: onClose,
  });
  const initial = {
    ...user,
    is_superuser: user?.is_superuser ?? false,
    project_ids: user?.projects?.map((one) => one.id) ?? [],
  };
  return (
    <Modal open title={user ? user.username : t("users.new")} footer={null} onCancel={onClose}>
      {save.error && <Failure error={save.error} />}
      <Form<Fields> layout="vertical" initialValues={initial} onFinish={(fields) => save.mutate(fields)}>
        <Form.Item name="username" label={t("login.username")} rules={[{ required: true, max: 100 }]}>
          <Input autoComplete="off" autoFocus />
        </Form.Item>
        <Form.Item name="real_name" label={t("users.realName")}>
          <Input maxLength={100} />
        </Form.Item>
        <Form.Item name="email" label={t("users.email")}>
          <Input type="email" />
        </Form.Item>
        <Form.Item
          name="password"
          label={t("login.password")}
          extra={user ? t("users.passwordKept") : t("users.passwordDefault")}
        >
          <Input.Password visibilityToggle={false} autoComplete="new-password" />
        </Form.Item>
        <Form.Item name="project_ids" label={t("nav.projects")}>
          <Select
            mode="multiple"
            showSearch={{ optionFilterProp: "label" }}
            options={listed.map((one) => ({ value: one.id, label: one.name }))}
          />
        </Form.Item>
        <Form.Item name="is_superuser" label={t("users.superuser")} valuePropName="checked">
          <Switch />
        </Form.Item>
        <Button type="primary" htmlType="submit" loading={save.isPending}>
          {t("action.save")}
        </Button>
      </Form>
    </Modal>
  );
}
