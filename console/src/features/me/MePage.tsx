import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { App, Button, Form, Select, Switch } from "antd";
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
              {save.error && <Failure error={save.error} />}
              <Form.Item name="language" label={t("shell.language")}>
                <Select
                  options={[
                    { value: "zh", label: "中文" },
                    { value: "en", label: "English" },
                  ]}
                />
              </Form.Item>
              <Form.Item name="failed_stop" label={t("cases.failedStop")} valuePropName="checked">
                <Switch />
              </Form.Item>
              <Form.Item
                name="only_failed_log"
                label={t("me.onlyFailedLog")}
                valuePropName="checked"
                extra={t("me.onlyFailedLogHint")}
              >
                <Switch />
              </Form.Item>
              <Form.Item name="email" label={t("me.email")} valuePropName="checked">
                <Switch />
              </Form.Item>
              <p className="faint small">
                {t("me.zones", { browser: Intl.DateTimeFormat().resolvedOptions().timeZone, platform: zone ?? "–" })}
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
