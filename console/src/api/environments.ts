import type { Json } from "~/lib/json";
import { call } from "./client";
import { queryClient } from "./queries";
import type { Environment } from "./types";

interface Added {
  variables?: Record<string, Json>;
  secrets?: Record<string, string>;
  base_url?: string;
}

/** Add variables, secrets or its base URL to an environment, or to a first one of the project. Raises: ApiError. */
export async function addToEnvironment(
  projectId: number,
  environment: Environment | undefined,
  { variables = {}, secrets = {}, base_url }: Added,
): Promise<void> {
  const urls = base_url ? { default: base_url } : {};
  if (environment) {
    const { name, base_urls, headers, is_default, verify_tls, proxy } = environment;
    const body = { name, base_urls: { ...base_urls, ...urls }, headers, is_default, verify_tls, proxy, secrets };
    await call("PUT", `/catalog/environments/${environment.id}`, {
      body: { ...body, variables: { ...environment.variables, ...variables } },
      headers: { "If-Match": String(environment.revision) },
    });
  } else {
    const body = { name: "default", base_urls: urls, variables, secrets };
    await call("POST", `/catalog/projects/${projectId}/environments`, { body });
  }
  await queryClient.invalidateQueries({ queryKey: ["environments", projectId] });
}
