import { useQuery } from "@tanstack/react-query";
import { useParams, useSearch } from "@tanstack/react-router";
import { call } from "~/api/client";
import { modules } from "~/api/queries";
import type { CaseRead, Document } from "~/api/types";
import { useProject } from "~/features/projects/ProjectHead";
import { Loaded, Page } from "~/ui/Page";
import { CaseEditor } from "./CaseEditor";

const BLANK: Document = {
  apiVersion: "rounds/v1",
  kind: "Case",
  name: "",
  steps: [
    {
      type: "request",
      request: { method: "GET", url: "{{base_url}}/" },
      asserts: [{ query: { type: "status" }, predicate: "==", value: 200 }],
    },
  ],
};

/** One case in the editor; `new` begins with one request. */
export function CasePage() {
  const { pid, id } = useParams({ strict: false }) as { pid: string; id: string };
  const { module } = useSearch({ strict: false }) as { module?: string };
  const project = useProject(Number(pid));
  const tree = useQuery(modules(Number(pid)));
  const saved = useQuery({
    queryKey: ["case", id],
    queryFn: () => call<CaseRead>("GET", `/catalog/cases/${id}`),
    enabled: id !== "new",
    staleTime: Number.POSITIVE_INFINITY,
  });
  return (
    <Loaded query={project}>
      {(found) =>
        id === "new" ? (
          <Loaded query={tree}>
            {(page) => (
              <CaseEditor
                key="new"
                project={found}
                saved={null}
                blank={BLANK}
                moduleId={module ? Number(module) : (page.data[0]?.id ?? null)}
              />
            )}
          </Loaded>
        ) : saved.data ? (
          <CaseEditor
            key={id}
            project={found}
            saved={saved.data}
            blank={saved.data.document}
            moduleId={saved.data.module_id}
          />
        ) : (
          <Page title="…">
            <Loaded query={saved}>{() => null}</Loaded>
          </Page>
        )
      }
    </Loaded>
  );
}
