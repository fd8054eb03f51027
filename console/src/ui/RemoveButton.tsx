import { Button } from "antd";
import { useTranslation } from "react-i18next";

/** Takes a row away; `what` says which one to readers of the screen. */
export function RemoveButton({ what, onClick }: { what: string; onClick: () => void }) {
  const { t } = useTranslation();
  return (
    <Button type="text" aria-label={t("action.remove", { what })} onClick={onClick}>
      ✕
    </Button>
  );
}
