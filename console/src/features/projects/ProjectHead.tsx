import { useQuery } from "@tanstack/react-query";
import { Link, useLocation } from "@tanstack/react-router";
import { Alert } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import type { Project } from "~/api/types";

export function useProject(pid: number) {
  return useQuery({
    queryKey: ["project", pid],
    queryFn: () => call<Project>("GET", `/catalog/projects/${pid}`),
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
        <Alert type="info" showIcon title={t("projects.readOnly")} style={{ marginBottom: 12 }} />
      )}
    </>
  );
}
