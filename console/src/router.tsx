import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { getSession } from "./api/session";
import { LoginPage } from "./features/auth/LoginPage";

/** Filters of lists as they stand in the address: plain strings. */
export type Search = Record<string, string | undefined>;

function plain(search: Record<string, unknown>): Search {
  return Object.fromEntries(
    Object.entries(search)
      .filter(([, value]) => value !== undefined && value !== "")
      .map(([key, value]) => [key, String(value)]),
  );
}

const root = createRootRoute({ validateSearch: plain });

function guard({ location }: { location: { href: string; pathname: string } }): void {
  const session = getSession();
  if (!session) {
    throw redirect({ to: "/login", search: { next: `/console${location.href}` } as never });
  }
  if (session.user.must_change_password && location.pathname !== "/password") throw redirect({ to: "/password" });
}

const login = createRoute({ getParentRoute: () => root, path: "/login", component: LoginPage });
const password = createRoute({
  getParentRoute: () => root,
  path: "/password",
  beforeLoad: guard,
  component: lazyRouteComponent(() => import("./features/auth/PasswordPage"), "PasswordPage"),
});
const shell = createRoute({
  getParentRoute: () => root,
  id: "shell",
  beforeLoad: guard,
  component: lazyRouteComponent(() => import("./features/home/Shell"), "Shell"),
});

const page = <P extends string>(path: P, component: ReturnType<typeof lazyRouteComponent>) =>
  createRoute({ getParentRoute: () => shell, path, component });

const pages = [
  page(
    "/",
    lazyRouteComponent(() => import("./features/home/HomePage"), "HomePage"),
  ),
  page(
    "/projects",
    lazyRouteComponent(() => import("./features/projects/ProjectsPage"), "ProjectsPage"),
  ),
  page(
    "/p/$pid/settings",
    lazyRouteComponent(() => import("./features/projects/ProjectSettingsPage"), "ProjectSettingsPage"),
  ),
  page(
    "/p/$pid/cases",
    lazyRouteComponent(() => import("./features/cases/CasesPage"), "CasesPage"),
  ),
  page(
    "/p/$pid/cases/$id",
    lazyRouteComponent(() => import("./features/cases/CasePage"), "CasePage"),
  ),
  page(
    "/p/$pid/import",
    lazyRouteComponent(() => import("./features/imports/ImportPage"), "ImportPage"),
  ),
  page(
    "/p/$pid/environments",
    lazyRouteComponent(() => import("./features/environments/EnvironmentsPage"), "EnvironmentsPage"),
  ),
  page(
    "/tasks",
    lazyRouteComponent(() => import("./features/tasks/TasksPage"), "TasksPage"),
  ),
  page(
    "/tasks/new",
    lazyRouteComponent(() => import("./features/tasks/TaskFormPage"), "TaskFormPage"),
  ),
  page(
    "/tasks/$id",
    lazyRouteComponent(() => import("./features/tasks/TaskPage"), "TaskPage"),
  ),
  page(
    "/tasks/$id/edit",
    lazyRouteComponent(() => import("./features/tasks/TaskFormPage"), "TaskFormPage"),
  ),
  page(
    "/runs",
    lazyRouteComponent(() => import("./features/runs/RunsPage"), "RunsPage"),
  ),
  page(
    "/runs/$id",
    lazyRouteComponent(() => import("./features/runs/RunPage"), "RunPage"),
  ),
  page(
    "/runs/$id/cases/$cid",
    lazyRouteComponent(() => import("./features/runs/RunPage"), "RunPage"),
  ),
  page(
    "/me",
    lazyRouteComponent(() => import("./features/me/MePage"), "MePage"),
  ),
  page(
    "/me/tokens",
    lazyRouteComponent(() => import("./features/me/TokensPage"), "TokensPage"),
  ),
  page(
    "/admin/users",
    lazyRouteComponent(() => import("./features/admin/UsersPage"), "UsersPage"),
  ),
  page(
    "/admin/deliveries",
    lazyRouteComponent(() => import("./features/notifications/DeliveriesPage"), "DeliveriesPage"),
  ),
  page(
    "/admin/health",
    lazyRouteComponent(() => import("./features/admin/HealthPage"), "HealthPage"),
  ),
  page(
    "/admin/audit",
    lazyRouteComponent(() => import("./features/admin/AuditPage"), "AuditPage"),
  ),
];

export const router = createRouter({
  routeTree: root.addChildren([login, password, shell.addChildren(pages)]),
  basepath: "/console",
  defaultPreload: "intent",
  defaultNotFoundComponent: lazyRouteComponent(() => import("./features/home/NotFound"), "NotFound"),
  defaultErrorComponent: lazyRouteComponent(() => import("./features/home/NotFound"), "Broken"),
});
