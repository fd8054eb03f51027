import { useQuery } from "@tanstack/react-query";
import { Alert, Button, Form, Input, type InputRef } from "antd";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError } from "~/api/client";
import { platform } from "~/api/queries";
import { oweLanguage, setLanguage } from "~/i18n";
import { Failure } from "~/ui/Failure";
import { LanguageSwitch } from "./LanguageSwitch";
import { logIn, safeNext } from "./session";
import "./auth.css";

/** Log-in; then back to where the reader was going. */
export function LoginPage() {
  const { t } = useTranslation();
  const about = useQuery(platform);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const [form] = Form.useForm<{ username: string; password: string }>();
  const passwordField = useRef<InputRef>(null);
  const first = about.data?.first_run;
  useEffect(() => {
    if (first && !form.getFieldValue("username")) form.setFieldValue("username", "admin");
  }, [first, form]);
  const next = new URLSearchParams(location.search).get("next");
  const submit = async ({ username, password }: { username: string; password: string }) => {
    setBusy(true);
    try {
      await logIn(username.trim(), password);
      location.assign(safeNext(next));
    } catch (refusal) {
      setError(refusal);
      setBusy(false);
      passwordField.current?.focus({ cursor: "all" });
    }
  };
  return (
    <main className="auth">
      <div className="auth-card">
        <div className="auth-head">
          <h1>
            <img src="/console/icon.svg" alt="" width={28} height={28} /> Rounds
          </h1>
          <LanguageSwitch
            onChange={(language) => {
              setLanguage(language);
              oweLanguage();
            }}
          />
        </div>
        <Form layout="vertical" requiredMark={false} onFinish={submit} form={form}>
          {about.data?.first_run && <Alert type="info" showIcon title={t("login.firstRun")} className="gap" />}
          <Form.Item name="username" label={t("login.username")} rules={[{ required: true }]}>
            <Input autoComplete="username" autoFocus size="large" />
          </Form.Item>
          <Form.Item name="password" label={t("login.password")} rules={[{ required: true }]}>
            <Input.Password ref={passwordField} visibilityToggle={false} autoComplete="current-password" size="large" />
          </Form.Item>
          {error !== null && (
            <div className="gap">
              {error instanceof ApiError && error.code === "login_failed" ? (
                <Alert type="error" showIcon role="alert" title={t("login.refused")} />
              ) : (
                <Failure error={error} />
              )}
            </div>
          )}
          <Button type="primary" htmlType="submit" size="large" block loading={busy}>
            {t("login.submit")}
          </Button>
        </Form>
        {about.data && (
          <p className="faint small" style={{ margin: "16px 0 0" }}>
            Rounds {about.data.version} · {about.data.timezone}
          </p>
        )}
      </div>
    </main>
  );
}
