import { useTranslation } from "react-i18next";
import type { CaseReport } from "~/api/types";
import { Mono, Value } from "~/ui/Mono";
import { useWord } from "~/ui/words";

/** Variables at the end of a case, and where each value came from. */
export function VariableTable({ variables }: { variables: NonNullable<CaseReport["variables"]> }) {
  const { t } = useTranslation();
  const word = useWord();
  return (
    <table className="grid">
      <thead>
        <tr>
          <th>{t("keyValue.name")}</th>
          <th>{t("keyValue.value")}</th>
          <th>{t("report.source")}</th>
        </tr>
      </thead>
      <tbody>
        {variables.map((one) => (
          <tr key={one.name}>
            <td>
              <Mono text={one.name} />
            </td>
            <td>
              <Value value={one.value} />
            </td>
            <td>
              {word("source", one.source)} {one.step}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
