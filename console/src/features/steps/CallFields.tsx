import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { Select } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import type { CaseItem, Page, Step } from "~/api/types";
import { KeyValue } from "~/ui/KeyValue";
import { TemplateInput } from "./TemplateInput";
import { pairVariables, variablePairs } from "./ValueInput";

interface Props {
  step: Step;
  set: (change: Partial<Step>) => void;
  readOnly?: boolean;
}

/** Which case is called, and the variables that it alone sees. */
export function CallFields({ step, set, readOnly }: Props) {
  const { t } = useTranslation();
  const { pid, id } = useParams({ strict: false }) as { pid: string; id: string };
  const [typed, setTyped] = useState("");
  const [search, setSearch] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => setSearch(typed), 250);
    return () => clearTimeout(timer);
  }, [typed]);
  const cases = useQuery({
    queryKey: ["cases", "callable", pid, search],
    queryFn: () =>
      call<Page<CaseItem>>("GET", "/catalog/cases", {
        query: { project_id: pid, search, page_size: 50, sort: "name" },
      }),
  });
  const chosen = useQuery({
    queryKey: ["cases", "of", String(step.case_id)],
    queryFn: () => call<Page<CaseItem>>("GET", "/catalog/cases", { query: { ids: String(step.case_id) } }),
    enabled: Boolean(step.case_id),
  }).data?.data;
  const offered = new Map([...(chosen ?? []), ...(cases.data?.data ?? [])].map((one) => [one.id, one.name]));
  offered.delete(Number(id));
  return (
    <div className="stack">
      <Select
        aria-label={t("steps.calledCase")}
        placeholder={t("steps.calledCase")}
        style={{ maxWidth: 420 }}
        disabled={readOnly}
        showSearch={{ filterOption: false, onSearch: setTyped }}
        value={step.case_id || undefined}
        options={[...offered].map(([value, label]) => ({ value, label }))}
        onChange={(case_id: number) => set({ case_id })}
      />
      <KeyValue
        label={t("steps.variables")}
        separator="="
        field={(props) => <TemplateInput {...props} />}
        readOnly={readOnly}
        pairs={variablePairs(step.variables)}
        onChange={(pairs) => set({ variables: pairs.length ? pairVariables(pairs) : undefined })}
      />
    </div>
  );
}
