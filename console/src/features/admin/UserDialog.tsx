import { useMutation, useQuery } from "@tanstack/react-query";
import { Checkbox, Form, Input, Select } from "antd";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { projects } from "~/api/queries";
import type { ListedUser } from "~/api/types";
import { FormDialog } from "~/ui/FormDialog";

interface Fields {
  username: string;
  real_name?: string;
  email?: string;
  password?: string;
  is_superuser: boolean;
  project_ids: number[];
}

/** A password that was made up, to be handed to its user. */
export interface Handed {
  name: string;
  password: string;
}

const LETTERS = "abcdefghijkmnpqrstuvwxyz23456789";

/** A random password of 35 bits: shorter than users may choose, so that the server has them change it first. */
export function firstPassword(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(7)), (byte) => LETTERS[byte % LETTERS.length]).join("");
}

interface Props {
  user: ListedUser | null;
  onClose: (handed?: Handed) => void;
}

/** A user and the projects they are a member of. */
export function UserDialog({ user, onClose }: Props) {
  const { t } = useTranslation();
  const listed = useQuery(projects).data?.data ?? [];
  const save = useMutation({
    mutationFn: async ({ project_ids, password: typed, ...fields }: Fields) => {
      const password = typed || (user ? undefined : firstPassword());
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
      return password && !typed ? { name: fields.username, password } : undefined;
    },
    onSuccess: onClose,
  });
  return (
    <FormDialog<Fields>
      open
      title={user ? user.username : t("users.new")}
      ok={user ? t("action.save") : t("action.create")}
      busy={save.isPending}
      error={save.error}
      initial={{
        ...user,
        is_superuser: user?.is_superuser ?? false,
        project_ids: user?.projects?.map((one) => one.id) ?? [],
      }}
      onFinish={(fields) => save.mutate(fields)}
      onClose={() => onClose()}
    >
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
        extra={<small>{user ? t("users.passwordKept") : t("users.passwordMade")}</small>}
      >
        <Input.Password visibilityToggle={false} autoComplete="new-password" />
      </Form.Item>
      <Form.Item name="project_ids" label={t("users.memberOf")}>
        <Select
          mode="multiple"
          showSearch={{ optionFilterProp: "label" }}
          options={listed.map((one) => ({ value: one.id, label: one.name }))}
        />
      </Form.Item>
      <Form.Item name="is_superuser" valuePropName="checked">
        <Checkbox>{t("users.superuserHint")}</Checkbox>
      </Form.Item>
    </FormDialog>
  );
}
