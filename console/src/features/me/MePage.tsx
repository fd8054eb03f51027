import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { App, Button, Checkbox, Form, Select } from "antd";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { environments, platform, projects, queryClient, settings } from "~/api/queries";
import type { Settings } from "~/api/types";
import { currentProject } from "~/features/home/project";
import { type Language, setLanguage } from "~/i18n";
import { visible } from "~/lib/bidi";
import { Failure } from "~/ui/Failure";
import { Loaded, Page } from "~/ui/Page";
import { Quiet } from "./Quiet";

interface Fields {
  language: "zh" | "en";
  environments?: Record<string, number | undefined>;
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
  const listed = useQuery(projects).data?.data ?? [];
  const pid = currentProject(listed);
  const places = useQuery({ ...environments(pid ?? 0), enabled: pid !== null }).data?.data ?? [];
  const save = useMutation({
    mutationFn: ({ email, environments: chosen, ...rest }: Fields) => {
      const usual = Object.entries({ ...own.data?.environments, ...chosen }).filter(([, id]) => id);
      const body = { ...rest, environments: Object.fromEntries(usual), notify: { email } };
      return call<Settings>("POST", "/user/set-user-cfg", { body });
    },
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
                  style={{ maxWidth: 324 }}
                  options={[
                    { value: "zh", label: "中文" },
                    { value: "en", label: "English" },
                  ]}
                />
              </Form.Item>
              {places.length > 0 && (
                <Form.Item
                  name={["environments", String(pid)]}
                  label={t("me.environment", { project: visible(listed.find(({ id }) => id === pid)?.name ?? "") })}
                >
                  <Select
                    allowClear
                    style={{ maxWidth: 324 }}
                    placeholder={t("me.projectDefault")}
                    options={places.map((one) => ({ value: one.id, label: visible(one.name) }))}
                  />
                </Form.Item>
              )}
              <h3>{t("me.defaults")}</h3>
              <Form.Item name="failed_stop" valuePropName="checked" style={{ marginBottom: 8 }}>
                <Checkbox>{t("cases.failedStop")}</Checkbox>
              </Form.Item>
              <Form.Item
                name="only_failed_log"
                valuePropName="checked"
                extra={<small>{t("me.onlyFailedLogHint")}</small>}
              >
                <Checkbox>{t("me.onlyFailedLog")}</Checkbox>
              </Form.Item>
              <h3>{t("nav.deliveries")}</h3>
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
