import { Button, Form, Input, Modal } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { queryClient } from "~/api/queries";
import { setSession, useLost, useSession } from "~/api/session";
import { localTime } from "~/lib/time";
import { Failure } from "~/ui/Failure";
import { logIn } from "./session";

/** Over the page when the session has ended: what was typed stays, the password is enough to go on. */
export function Relogin() {
  const { t } = useTranslation();
  const lost = useLost();
  const session = useSession();
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  if (!lost || !session) return null;
  const submit = async ({ password }: { password: string }) => {
    setBusy(true);
    try {
      await logIn(session.user.username, password);
      setError(null);
      await queryClient.invalidateQueries();
    } catch (refusal) {
      setError(refusal);
    } finally {
      setBusy(false);
    }
  };
  const replaced = lost.reason === "replaced" && lost.replaced_at;
  return (
    <Modal
      open
      title={t("relogin.title")}
      footer={null}
      closable={false}
      keyboard={false}
      mask={{ closable: false }}
      width={400}
    >
      <p>{replaced ? t("relogin.replaced", { time: localTime(replaced) }) : t("relogin.expired")}</p>
      <Form layout="vertical" onFinish={submit} requiredMark={false}>
        {error !== null && <Failure error={error} />}
        <Form.Item
          name="password"
          label={t("relogin.password", { name: session.user.username })}
          rules={[{ required: true }]}
        >
          <Input.Password visibilityToggle={false} autoComplete="current-password" autoFocus />
        </Form.Item>
        <div className="actions">
          <Button type="primary" htmlType="submit" loading={busy}>
            {t("login.submit")}
          </Button>
          <Button onClick={() => setSession(null)}>{t("relogin.other")}</Button>
        </div>
      </Form>
    </Modal>
  );
}
