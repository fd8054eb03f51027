import type { Json } from "~/lib/json";
import { call } from "./client";
import { queryClient } from "./queries";
import type { Environment } from "./types";

interface Added {
  variables?: Record<string, Json>;
  secrets?: Record<string, string>;
}

/** Add variables or secrets to an environment, or to a first one of the project. Raises: ApiError. */
export async function addToEnvironment(
  projectId: number,
  environment: Environment | undefined,
  { variables = {}, secrets = {} }: Added,
): Promise<void> {
  if (environment) {
    const { name, base_urls, headers, is_default, verify_tls, proxy } = environment;
    const body = { name, base_urls, headers, is_default, verify_tls, proxy, secrets };
    await call("PUT", `/catalog/environments/${environment.id}`, {
      body: { ...body, variables: { ...environment.variables, ...variables } },
      headers: { "If-Match": String(environment.revision) },
    });
  } else {
    const body = { name: "default", base_urls: {}, variables, secrets };
    await call("POST", `/catalog/projects/${projectId}/environments`, { body });
  }
  await queryClient.invalidateQueries({ queryKey: ["environments", projectId] });
}
