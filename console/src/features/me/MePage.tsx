import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { App, Button, Checkbox, Form, Select } from "antd";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { platform, queryClient, settings } from "~/api/queries";
import type { Settings } from "~/api/types";
import { type Language, setLanguage } from "~/i18n";
import { Failure } from "~/ui/Failure";
import { Loaded, Page } from "~/ui/Page";
import { Quiet } from "./Quiet";

interface Fields {
  language: "zh" | "en";
  failed_stop: boolean;
  only_failed_log: boolean;
  email: boolean;
}

/** One's own settings: what new tasks start from, and how one is told. */
export function MePage() {
  const { t, i18n } = useTranslation();
  const { message } = App.useApp();
  const own = useQuery(settings);
  const zone = useQuery(platform).data?.timezone;
  const browser = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const save = useMutation({
    mutationFn: ({ email, ...rest }: Fields) =>
      call<Settings>("POST", "/user/set-user-cfg", { body: { ...rest, notify: { email } } }),
    onSuccess: (saved) => {
      queryClient.setQueryData(settings.queryKey, saved);
      setLanguage(saved.language);
      void message.success(t("me.saved"));
    },
  });
  return (
    <Page
      title={t("shell.me")}
      actions={
        <Link to="/me/tokens">
          <Button>{t("shell.tokens")}</Button>
        </Link>
      }
    >
      <div className="halves">
        <Loaded query={own}>
          {(found) => (
            <Form<Fields>
              key={i18n.language}
              className="panel"
              layout="vertical"
              initialValues={{ ...found, language: i18n.language as Language, email: found.notify.email }}
              onFinish={(fields) => save.mutate(fields)}
            >
              <h2>{t("me.general")}</h2>
              {save.error && <Failure error={save.error} />}
              <Form.Item name="language" label={t("shell.language")}>
                <Select
                  style={{ maxWidth: 320 }}
                  options={[
                    { value: "zh", label: "中文" },
                    { value: "en", label: "English" },
                  ]}
                />
              </Form.Item>
              <Form.Item name="failed_stop" valuePropName="checked" extra={<small>{t("me.failedStopHint")}</small>}>
                <Checkbox>{t("cases.failedStop")}</Checkbox>
              </Form.Item>
              <Form.Item
                name="only_failed_log"
                valuePropName="checked"
                extra={<small>{t("me.onlyFailedLogHint")}</small>}
              >
                <Checkbox>{t("me.onlyFailedLog")}</Checkbox>
              </Form.Item>
              <Form.Item name="email" valuePropName="checked">
                <Checkbox>{t("me.email")}</Checkbox>
              </Form.Item>
              <p className="faint small">
                {t("me.zone", { browser })} {zone && zone !== browser && t("me.platformZone", { zone })}
              </p>
              <Button type="primary" htmlType="submit" loading={save.isPending}>
                {t("action.save")}
              </Button>
            </Form>
          )}
        </Loaded>
        <Quiet />
      </div>
    </Page>
  );
}
