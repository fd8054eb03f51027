import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { projects, queryClient } from "./api/queries";
import { recovered } from "./api/reach";
import { getSession } from "./api/session";
import { LoginPage } from "./features/auth/LoginPage";
import { Broken, NotFound } from "./features/home/NotFound";
import { currentProject } from "./features/home/project";

/** Filters of lists as they stand in the address: plain strings. */
export type Search = Record<string, string | undefined>;

function plain(search: Record<string, unknown>): Search {
  return Object.fromEntries(
    Object.entries(search)
      .filter(([, value]) => value !== undefined && value !== "")
      .map(([key, value]) => [key, String(value)]),
  );
}

/**
 * A page whose code is fetched when it is first shown. Where it does not come, the address is loaded anew once the server
 * answers: the router itself would do it at once, and leave the reader with the browser's own page of errors.
 */
function lazy<M extends Record<string, unknown>, K extends keyof M & string>(load: () => Promise<M>, name: K) {
  return lazyRouteComponent(() => load().catch(loadAnew), name);
}

async function loadAnew(error: unknown): Promise<never> {
  await recovered();
  const last = Number(sessionStorage.getItem(RELOADED) ?? 0);
  if (Date.now() - last < 10_000) throw error;
  sessionStorage.setItem(RELOADED, String(Date.now()));
  location.reload();
  return new Promise(() => {});
}

const RELOADED = "rounds.reloaded";

const root = createRootRoute({ validateSearch: plain });

function guard({ location }: { location: { href: string; pathname: string } }): void {
  const session = getSession();
  const search = { next: `/console${location.href}` } as never;
  if (!session) throw redirect({ to: "/login", search });
  if (session.user.must_change_password && location.pathname !== "/password") {
    throw redirect({ to: "/password", search });
  }
}

const login = createRoute({ getParentRoute: () => root, path: "/login", component: LoginPage });
const password = createRoute({
  getParentRoute: () => root,
  path: "/password",
  beforeLoad: guard,
  component: lazy(() => import("./features/auth/PasswordPage"), "PasswordPage"),
});
const shell = createRoute({
  getParentRoute: () => root,
  id: "shell",
  beforeLoad: guard,
  component: lazy(() => import("./features/home/Shell"), "Shell"),
});

const page = <P extends string>(path: P, component: ReturnType<typeof lazyRouteComponent>) =>
  createRoute({ getParentRoute: () => shell, path, component });

/** The cases of the project last looked at: asked for before it is known which one that is. */
const cases = createRoute({
  getParentRoute: () => shell,
  path: "/cases",
  beforeLoad: async () => {
    const pid = currentProject((await queryClient.ensureQueryData(projects)).data);
    throw redirect({ to: (pid === null ? "/projects" : `/p/${pid}/cases`) as "/", replace: true });
  },
});

const pages = [
  cases,
  page(
    "/",
    lazy(() => import("./features/home/HomePage"), "HomePage"),
  ),
  page(
    "/projects",
    lazy(() => import("./features/projects/ProjectsPage"), "ProjectsPage"),
  ),
  page(
    "/p/$pid/settings",
    lazy(() => import("./features/projects/ProjectSettingsPage"), "ProjectSettingsPage"),
  ),
  page(
    "/p/$pid/cases",
    lazy(() => import("./features/cases/CasesPage"), "CasesPage"),
  ),
  page(
    "/p/$pid/cases/$id",
    lazy(() => import("./features/cases/CasePage"), "CasePage"),
  ),
  page(
    "/p/$pid/import",
    lazy(() => import("./features/imports/ImportPage"), "ImportPage"),
  ),
  page(
    "/p/$pid/environments",
    lazy(() => import("./features/environments/EnvironmentsPage"), "EnvironmentsPage"),
  ),
  page(
    "/tasks",
    lazy(() => import("./features/tasks/TasksPage"), "TasksPage"),
  ),
  page(
    "/tasks/new",
    lazy(() => import("./features/tasks/TaskFormPage"), "TaskFormPage"),
  ),
  page(
    "/tasks/$id",
    lazy(() => import("./features/tasks/TaskPage"), "TaskPage"),
  ),
  page(
    "/tasks/$id/edit",
    lazy(() => import("./features/tasks/TaskFormPage"), "TaskFormPage"),
  ),
  page(
    "/runs",
    lazy(() => import("./features/runs/RunsPage"), "RunsPage"),
  ),
  page(
    "/runs/$id",
    lazy(() => import("./features/runs/RunPage"), "RunPage"),
  ),
  page(
    "/runs/$id/cases/$cid",
    lazy(() => import("./features/runs/RunPage"), "RunPage"),
  ),
  page(
    "/me",
    lazy(() => import("./features/me/MePage"), "MePage"),
  ),
  page(
    "/me/tokens",
    lazy(() => import("./features/me/TokensPage"), "TokensPage"),
  ),
  page(
    "/admin/users",
    lazy(() => import("./features/admin/UsersPage"), "UsersPage"),
  ),
  page(
    "/admin/deliveries",
    lazy(() => import("./features/notifications/DeliveriesPage"), "DeliveriesPage"),
  ),
  page(
    "/admin/health",
    lazy(() => import("./features/admin/HealthPage"), "HealthPage"),
  ),
  page(
    "/admin/audit",
    lazy(() => import("./features/admin/AuditPage"), "AuditPage"),
  ),
  createRoute({ getParentRoute: () => shell, path: "$", component: NotFound }),
];

export const router = createRouter({
  routeTree: root.addChildren([login, password, shell.addChildren(pages)]),
  basepath: "/console",
  defaultPreload: "intent",
  defaultNotFoundComponent: NotFound,
  defaultErrorComponent: Broken,
});
