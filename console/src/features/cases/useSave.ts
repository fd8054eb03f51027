import { useMutation } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { ApiError, call } from "~/api/client";
import { queryClient } from "~/api/queries";
import type { CaseRead, Document } from "~/api/types";

interface Wanted {
  document: Document;
  /** The case to change, and the revision that was read; without them a new case is made. */
  old?: { id: number; revision: number };
}

/** Saves a case, or makes one (and the first module for it); a change that was overtaken is given to `onConflict`. */
export function useSave(
  pid: number,
  moduleId: number | null,
  onSaved: (stored: CaseRead, sent: Wanted) => void,
  onConflict: (theirs: CaseRead) => void,
) {
  const { t } = useTranslation();
  return useMutation({
    mutationFn: async ({ document, old }: Wanted) => {
      if (old) {
        const headers = { "If-Match": String(old.revision) };
        return call<CaseRead>("PUT", `/catalog/cases/${old.id}`, { body: { document }, headers });
      }
      let target = moduleId;
      if (target === null) {
        const body = { name: t("cases.firstModule") };
        target = (await call<{ id: number }>("POST", `/catalog/projects/${pid}/modules`, { body })).id;
      }
      return call<CaseRead>("POST", `/catalog/modules/${target}/cases`, { body: { document } });
    },
    onSuccess: (stored, sent) => {
      queryClient.setQueryData(["case", String(stored.id)], stored);
      for (const key of ["cases", "modules", "revisions"]) void queryClient.invalidateQueries({ queryKey: [key] });
      onSaved(stored, sent);
    },
    onError: async (error, { old }) => {
      if (error instanceof ApiError && error.code === "revision_conflict" && old) {
        onConflict(await call<CaseRead>("GET", `/catalog/cases/${old.id}`));
      }
    },
  });
}
