import DownOutlined from "@ant-design/icons/es/icons/DownOutlined";
import MoonOutlined from "@ant-design/icons/es/icons/MoonOutlined";
import SunOutlined from "@ant-design/icons/es/icons/SunOutlined";
import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useLocation, useNavigate } from "@tanstack/react-router";
import { Alert, Button, Dropdown, Layout, Menu, Select } from "antd";
import { lazy, Suspense, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { platform, projects, settings } from "~/api/queries";
import { useDown } from "~/api/reach";
import { useSession } from "~/api/session";
import { logOut } from "~/features/auth/session";
import { hasChosenLanguage, type Language, oweLanguage, setLanguage, takeOwedLanguage } from "~/i18n";
import { visible } from "~/lib/bidi";
import { type Mode, setMode, useDark, useMode } from "~/theme";
import { HealthStrip } from "./HealthStrip";
import { currentProject, keepProject } from "./project";
import { QuickSearch } from "./QuickSearch";
import "./shell.css";

const NavDrawer = lazy(() => import("./NavDrawer"));

/** The frame around every page: project, language, theme, user; the sections at the left. */
export function Shell() {
  const { t, i18n } = useTranslation();
  const session = useSession();
  const navigate = useNavigate();
  const location = useLocation();
  const mode = useMode();
  const dark = useDark();
  const [drawer, setDrawer] = useState(false);
  const listed = useQuery(projects).data?.data ?? [];
  const settled = useSettled();
  const about = useQuery({ ...platform, enabled: settled }).data;
  const own = useQuery({ ...settings, enabled: !hasChosenLanguage() });
  const inPath = /^\/p\/(\d+)/.exec(location.pathname)?.[1];
  const pid = inPath ? Number(inPath) : currentProject(listed);
  useEffect(() => {
    if (inPath) keepProject(Number(inPath));
  }, [inPath]);
  useEffect(() => {
    if (own.data && !hasChosenLanguage()) setLanguage(own.data.language);
  }, [own.data]);
  useEffect(() => {
    const next = window.location.pathname + window.location.search;
    if (!session) void navigate({ to: "/login", search: { next }, ignoreBlocker: true });
    else if (session.user.must_change_password) void navigate({ to: "/password", search: { next } as never });
  }, [session, navigate]);
  useEffect(() => {
    if (session && !session.user.must_change_password && takeOwedLanguage()) tellLanguage(i18n.language as Language);
  }, [session, i18n.language]);
  if (!session) return null;

  const chooseLanguage = (language: Language) => {
    setLanguage(language);
    tellLanguage(language);
  };
  const casesPath = pid ? `/p/${pid}/cases` : "/cases";
  const items = [
    { key: "/", label: t("nav.home"), to: "/" },
    { key: "/p", label: t("nav.cases"), to: casesPath },
    { key: "/tasks", label: t("nav.tasks"), to: "/tasks" },
    { key: "/runs", label: t("nav.runs"), to: "/runs" },
    { key: "/admin/deliveries", label: t("nav.deliveries"), to: "/admin/deliveries" },
    { key: "/projects", label: t("nav.projects"), to: "/projects" },
    ...(session.user.is_superuser
      ? [
          { key: "/admin/users", label: t("nav.users"), to: "/admin/users" },
          { key: "/admin/audit", label: t("nav.audit"), to: "/admin/audit" },
        ]
      : []),
    { key: "/admin/health", label: t("nav.health"), to: "/admin/health" },
  ];
  const strange = inPath && listed.length > 0 && !listed.some((project) => project.id === pid);
  const chosen =
    strange || /^\/p\/\d+\/(environments|settings)/.test(location.pathname)
      ? "/projects"
      : items
          .filter((item) => (item.key === "/" ? location.pathname === "/" : location.pathname.startsWith(item.key)))
          .at(-1)?.key;
  const menu = (
    <nav aria-label={t("nav.label")}>
      <Menu
        mode="inline"
        selectedKeys={chosen ? [chosen] : []}
        items={items.map((item) => ({ key: item.key, label: <Link to={item.to as "/"}>{item.label}</Link> }))}
      />
    </nav>
  );
  const themes: Mode[] = ["system", "light", "dark"];
  return (
    <Layout className="shell">
      <a className="skip-link" href="#content">
        {t("shell.skip")}
      </a>
      <Layout.Header className="top">
        <Button className="burger" aria-label={t("nav.label")} onClick={() => setDrawer(true)}>
          ☰
        </Button>
        <Link to="/" className="brand">
          <img src="/console/icon.svg" alt="" width={24} height={24} /> <span>Rounds</span>
        </Link>
        <Select
          className="project-picker"
          aria-label={t("shell.project")}
          placeholder={t("shell.project")}
          variant="filled"
          showSearch={{ optionFilterProp: "label" }}
          value={listed.find((project) => project.id === pid)?.id}
          options={listed.map((project) => ({ value: project.id, label: visible(project.name) }))}
          onChange={(id: number) => {
            keepProject(id);
            void navigate({ to: `/p/${id}/cases` as "/" });
          }}
        />
        <span className="spring" />
        <QuickSearch pid={pid} />
        <Dropdown
          autoFocus
          trigger={["click"]}
          menu={{
            selectedKeys: [mode, i18n.language],
            items: [
              { key: "zh", label: "中文", onClick: () => chooseLanguage("zh") },
              { key: "en", label: "English", onClick: () => chooseLanguage("en") },
              { type: "divider" },
              ...themes.map((key) => ({ key, label: t(`theme.${key}` as "theme.dark"), onClick: () => setMode(key) })),
            ],
          }}
        >
          <Button type="text" aria-label={t("shell.look")}>
            {i18n.language === "en" ? "EN" : "中"} {dark ? <MoonOutlined aria-hidden /> : <SunOutlined aria-hidden />}
            <DownOutlined aria-hidden className="small" />
          </Button>
        </Dropdown>
        <Dropdown
          autoFocus
          trigger={["click"]}
          menu={{
            items: [
              { key: "me", label: <Link to="/me">{t("shell.me")}</Link> },
              { key: "tokens", label: <Link to="/me/tokens">{t("shell.tokens")}</Link> },
              { key: "password", label: <Link to="/password">{t("password.title")}</Link> },
              { type: "divider" },
              { key: "docs", label: <a href="/docs">{t("shell.docs")}</a> },
              { key: "out", label: t("shell.logout"), onClick: () => void logOut() },
            ],
          }}
        >
          <Button type="text" className="who">
            <span>{visible(session.user.name || session.user.username)}</span>
            <DownOutlined aria-hidden className="small" />
          </Button>
        </Dropdown>
      </Layout.Header>
      {settled && <HealthStrip />}
      <Layout className="below">
        <Layout.Sider width={184} className="side" theme={dark ? "dark" : "light"}>
          {menu}
          {about && <div className="version faint small">Rounds {about.version}</div>}
        </Layout.Sider>
        <Layout.Content id="content">
          <OfflineBar />
          <Outlet />
        </Layout.Content>
      </Layout>
      {drawer && (
        <Suspense>
          <NavDrawer onClose={() => setDrawer(false)}>{menu}</NavDrawer>
        </Suspense>
      )}
    </Layout>
  );
}

function tellLanguage(language: Language): void {
  // What the page shows is kept here anyway; a server that does not answer hears of it at the next choice.
  call("POST", "/user/set-user-cfg", { body: { language } }).catch(() => oweLanguage());
}

/** What is no part of the page's task is asked for after it. */
function useSettled(): boolean {
  const [settled, setSettled] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(true), 2500);
    return () => clearTimeout(timer);
  }, []);
  return settled;
}

/** Says that the API does not answer; it goes by itself once it does again. */
function OfflineBar() {
  const { t } = useTranslation();
  return useDown() ? <Alert banner type="warning" role="status" title={t("error.down")} /> : null;
}
