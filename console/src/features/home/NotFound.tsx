import { Button } from "antd";
import { useTranslation } from "react-i18next";
import { Empty } from "~/ui/Empty";
import { Failure } from "~/ui/Failure";
import { Page } from "~/ui/Page";

export function NotFound() {
  const { t } = useTranslation();
  return (
    <Page title={t("notFound.title")}>
      <div className="panel">
        <Empty text={t("notFound.text")}>
          <Button type="primary" href="/console/">
            {t("action.back", { where: t("nav.home") })}
          </Button>
        </Empty>
      </div>
    </Page>
  );
}

export function Broken({ error, reset }: { error: unknown; reset: () => void }) {
  const { t } = useTranslation();
  return (
    <Page title={t("error.page")}>
      <Failure error={error} retry={reset} />
    </Page>
  );
}
