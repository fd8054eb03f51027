import { useQuery } from "@tanstack/react-query";
import { useParams, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { modules } from "~/api/queries";
import type { CaseRead, Document } from "~/api/types";
import { useProject } from "~/features/projects/ProjectHead";
import { LoadedPage } from "~/ui/Page";
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
  const { t } = useTranslation();
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
  const up = `/p/${pid}/cases`;
  return (
    <LoadedPage query={project} title={t("nav.projects")} up="/projects">
      {(found) =>
        id === "new" ? (
          <LoadedPage query={tree} title={t("nav.cases")} up={up}>
            {(page) => (
              <CaseEditor
                key="new"
                project={found}
                saved={null}
                blank={BLANK}
                moduleId={module ? Number(module) : (page.data[0]?.id ?? null)}
              />
            )}
          </LoadedPage>
        ) : (
          <LoadedPage query={saved} title={t("nav.cases")} up={up}>
            {(stored) => (
              <CaseEditor key={id} project={found} saved={stored} blank={stored.document} moduleId={stored.module_id} />
            )}
          </LoadedPage>
        )
      }
    </LoadedPage>
  );
}
