import { Segmented } from "antd";
import { useTranslation } from "react-i18next";
import type { Language } from "~/i18n";

/** 中文 | English. */
export function LanguageSwitch({ onChange }: { onChange: (language: Language) => void }) {
  const { t, i18n } = useTranslation();
  return (
    <Segmented<Language>
      aria-label={t("shell.language")}
      value={i18n.language === "en" ? "en" : "zh"}
      options={[
        { value: "zh", label: "中文" },
        { value: "en", label: "EN" },
      ]}
      onChange={onChange}
    />
  );
}
