import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Button, Form, Input } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { platform } from "~/api/queries";
import { getSession } from "~/api/session";
import { Failure } from "~/ui/Failure";
import { changePassword, logOut, safeNext } from "./session";
import "./auth.css";

interface Fields {
  old: string;
  password: string;
  again: string;
}

/** A new password: forced at the first log-in, or because one wants to. */
export function PasswordPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [form] = Form.useForm<Fields>();
  const typed = Form.useWatch("password", form) ?? "";
  const rules = useQuery(platform).data?.password_rules;
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const user = getSession()?.user;
  const forced = user?.must_change_password ?? false;
  const least = rules?.min_length ?? 8;
  const submit = async ({ old, password }: Fields) => {
    setBusy(true);
    try {
      await changePassword(user?.username ?? "", old, password);
      const next = new URLSearchParams(location.search).get("next");
      if (next) location.assign(safeNext(next));
      else await navigate({ to: "/" });
    } catch (refusal) {
      setError(refusal);
    } finally {
      setBusy(false);
    }
  };
  return (
    <main className="auth">
      <div className="auth-card">
        <div className="auth-head">
          <h1>
            <img src="/console/icon.svg" alt="" width={28} height={28} /> {t("password.title")}
          </h1>
        </div>
        {user && <p>{t(forced ? "password.must" : "password.of", { name: user.name || user.username })}</p>}
        <Form form={form} layout="vertical" requiredMark={false} onFinish={submit}>
          {error !== null && (
            <div className="gap">
              <Failure error={error} />
            </div>
          )}
          <Form.Item name="old" label={t("password.old")} rules={[{ required: true }]}>
            <Input.Password size="large" visibilityToggle={false} autoComplete="current-password" autoFocus />
          </Form.Item>
          <Form.Item
            name="password"
            label={t("password.new")}
            rules={[{ required: true, min: least }]}
            extra={
              <ul className="rules" aria-live="polite">
                <li className={typed.length >= least ? "met" : undefined}>{t("password.length", { count: least })}</li>
                <li>{t("password.notDefault")}</li>
              </ul>
            }
          >
            <Input.Password size="large" visibilityToggle={false} autoComplete="new-password" />
          </Form.Item>
          <Form.Item
            name="again"
            label={t("password.again")}
            dependencies={["password"]}
            rules={[
              { required: true },
              ({ getFieldValue }) => ({
                validator: (_, value) =>
                  !value || value === getFieldValue("password")
                    ? Promise.resolve()
                    : Promise.reject(new Error(t("password.differ"))),
              }),
            ]}
          >
            <Input.Password size="large" visibilityToggle={false} autoComplete="new-password" />
          </Form.Item>
          <div className="actions">
            <Button type="primary" size="large" htmlType="submit" loading={busy}>
              {forced ? t("password.submit") : t("action.save")}
            </Button>
            <Button onClick={() => (forced ? void logOut() : history.back())}>
              {forced ? t("shell.logout") : t("action.cancel")}
            </Button>
          </div>
        </Form>
      </div>
    </main>
  );
}
