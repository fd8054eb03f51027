import { useQueries, useQuery } from "@tanstack/react-query";
import { Select } from "antd";
import { useTranslation } from "react-i18next";
import { environments, projects } from "~/api/queries";
import { visible } from "~/lib/bidi";

interface Props {
  projectIds: number[];
  chosen: Record<string, number>;
  usual: Record<string, number>;
  onChange: (chosen: Record<string, number>) => void;
}

/** One environment per project of the chosen cases, with its base URL. */
export function EnvironmentChoices({ projectIds, chosen, usual, onChange }: Props) {
  const { t } = useTranslation();
  const names = useQuery(projects).data?.data ?? [];
  const listed = useQueries({ queries: projectIds.map((pid) => environments(pid)) });
  if (!projectIds.length)
    return <Select disabled aria-label={t("environments.one")} placeholder={t("tasks.chooseCasesFirst")} />;
  return (
    <div className="stack" style={{ gap: 8 }}>
      {projectIds.map((pid, index) => {
        const found = listed[index]?.data?.data ?? [];
        const first = found.find((one) => one.id === usual[pid]) ?? found.find((one) => one.is_default);
        const project = names.find((one) => one.id === pid)?.name ?? `#${pid}`;
        return (
          <div key={pid} className="actions">
            {projectIds.length > 1 && <span>{project}</span>}
            <Select
              aria-label={`${t("environments.one")} ${project}`}
              style={{ minWidth: 260, flex: 1 }}
              placeholder={t("environments.none")}
              value={chosen[pid] ?? first?.id}
              options={found.map((one) => ({
                value: one.id,
                label: `${visible(one.name)} · ${one.base_urls.default ?? "–"}`,
              }))}
              onChange={(id) => onChange({ ...chosen, [pid]: id })}
            />
          </div>
        );
      })}
    </div>
  );
}
