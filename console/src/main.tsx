import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { App, ConfigProvider } from "antd";
import type { Locale } from "antd/es/locale";
import "dayjs/locale/zh-cn";
import dayjs from "dayjs";
import { StrictMode, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { useTranslation } from "react-i18next";
import { queryClient } from "./api/queries";
import { Relogin } from "./features/auth/Relogin";
import { router } from "./router";
import { themeOf, useDark } from "./theme";
import "./ui/base.css";
import "./ui/list.css";

const locales = {
  zh: () => import("antd/es/locale/zh_CN"),
  en: () => import("antd/es/locale/en_US"),
};

function Root() {
  const dark = useDark();
  const { i18n } = useTranslation();
  const [locale, setLocale] = useState<Locale>();
  const language = i18n.language === "en" ? "en" : "zh";
  useEffect(() => {
    dayjs.locale(language === "zh" ? "zh-cn" : "en");
    void locales[language]().then((module) => setLocale(module.default));
  }, [language]);
  if (!locale) return null;
  return (
    <ConfigProvider locale={locale} theme={themeOf(dark)} button={{ autoInsertSpace: false }}>
      <App className="app" component="div" message={{ top: 64 }}>
        <QueryClientProvider client={queryClient}>
          <RouterProvider router={router} />
          <Relogin />
        </QueryClientProvider>
      </App>
    </ConfigProvider>
  );
}

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <Root />
  </StrictMode>,
);
