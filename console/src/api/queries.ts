import { QueryClient, queryOptions } from "@tanstack/react-query";
import { ApiError, call } from "./client";
import { onRecovery } from "./reach";
import { getSession } from "./session";
import type { Environment, ListedUser, Module, Page, Platform, Project, Settings } from "./types";

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      refetchOnWindowFocus: false,
      retry: (failures, error) => error instanceof ApiError && error.status === 0 && failures < 2,
    },
  },
});

// What failed for want of an answer is asked again once there is one.
onRecovery(() => void queryClient.invalidateQueries());

/** What is asked of the API from more than one feature. */
export const platform = queryOptions({
  queryKey: ["platform"],
  // Until the password is changed the token is refused here too.
  queryFn: () =>
    call<Platform>("GET", "/user/platform", { anonymous: getSession()?.user.must_change_password ?? true }),
  staleTime: 300_000,
});

export const projects = queryOptions({
  queryKey: ["projects"],
  queryFn: () => call<Page<Project>>("GET", "/catalog/projects", { query: { page_size: 200, sort: "name" } }),
  staleTime: 60_000,
});

export const environments = (projectId: number) =>
  queryOptions({
    queryKey: ["environments", projectId],
    queryFn: () =>
      call<Page<Environment>>("GET", `/catalog/projects/${projectId}/environments`, { query: { page_size: 200 } }),
    staleTime: 60_000,
  });

export const modules = (projectId: number) =>
  queryOptions({
    queryKey: ["modules", projectId],
    queryFn: () => call<Page<Module>>("GET", `/catalog/projects/${projectId}/modules`),
  });

export const people = (search = "") =>
  queryOptions({
    queryKey: ["people", search],
    queryFn: () =>
      call<Page<ListedUser>>("GET", "/user/user-view", { query: { page_size: 200, is_active: true, search } }),
    staleTime: 60_000,
  });

export const settings = queryOptions({
  queryKey: ["settings"],
  queryFn: () => call<Settings>("GET", "/user/user-cfg-params"),
  staleTime: 300_000,
});
