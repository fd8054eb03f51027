import { useQuery } from "@tanstack/react-query";
import { Link, useLocation } from "@tanstack/react-router";
import { Alert, App, Button } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { projects, queryClient } from "~/api/queries";
import { useSession } from "~/api/session";
import type { Project } from "~/api/types";
import { copyText } from "~/lib/copy";

/** One project: out of the list that every page has, or asked for where it is not among those. */
export function useProject(pid: number) {
  return useQuery({
    queryKey: ["project", pid],
    queryFn: async () => {
      const listed = await queryClient.ensureQueryData(projects);
      return listed.data.find((one) => one.id === pid) ?? call<Project>("GET", `/catalog/projects/${pid}`);
    },
    staleTime: 60_000,
  });
}

/** A project's sections, and the banner for those who only read. */
export function ProjectHead({ pid, children }: { pid: number; children?: ReactNode }) {
  const { t } = useTranslation();
  const project = useProject(pid).data;
  const here = useLocation().pathname;
  const sections = [
    { path: "cases", label: t("nav.cases") },
    ...(project?.can_write ? [{ path: "import", label: t("imports.title") }] : []),
    { path: "environments", label: t("environments.title") },
    { path: "settings", label: t("projects.settings") },
  ];
  return (
    <>
      <nav className="sections" aria-label={project?.name ?? t("shell.project")}>
        {sections.map(({ path, label }) => (
          <Link
            key={path}
            to={`/p/${pid}/${path}` as "/"}
            className={here.startsWith(`/p/${pid}/${path}`) ? "here" : ""}
          >
            {label}
          </Link>
        ))}
        {children}
      </nav>
      {project && !project.can_write && (
        <div style={{ marginBottom: 16 }}>
          <ReadOnly project={project} />
        </div>
      )}
    </>
  );
}

/** Says that one only reads, and gives the words with which to ask for more. */
export function ReadOnly({ project }: { project: Project }) {
  const { t } = useTranslation();
  const user = useSession()?.user;
  const { message } = App.useApp();
  const ask = t("projects.askToWrite", { name: user?.username, project: project.name });
  return (
    <Alert
      type="info"
      showIcon
      title={t("projects.readOnly")}
      action={
        <Button size="small" onClick={() => void copyText(ask).then(() => message.success(t("action.copied")))}>
          {t("projects.copyAsk")}
        </Button>
      }
    />
  );
}
