import { useTranslation } from "react-i18next";
import type { AssertResult } from "~/api/types";
import { Mono, Value } from "~/ui/Mono";
import { Status } from "~/ui/Status";
import { takesValue } from "./words";

/** How assertions were judged: expected and actual side by side, failed ones first. */
export function AssertTable({ asserts }: { asserts: AssertResult[] }) {
  const { t } = useTranslation();
  if (!asserts.length) return <p className="faint">{t("report.noAsserts")}</p>;
  const ordered = [...asserts].sort((a, b) => Number(a.passed) - Number(b.passed));
  return (
    <div style={{ overflowX: "auto" }}>
      <table className="grid results">
        <thead>
          <tr>
            <th>
              <span>{t("report.result")}</span>
            </th>
            <th>{t("steps.query")}</th>
            <th className="nowrap">
              <span>{t("steps.predicate")}</span>
            </th>
            <th>{t("report.expected")}</th>
            <th>{t("report.actual")}</th>
          </tr>
        </thead>
        <tbody>
          {ordered.map((one, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: assertions have no identity but their place
            <tr key={index}>
              <td>
                <Status status={one.passed ? "passed" : "failed"} />
              </td>
              <td>
                <Mono text={`${one.query.type} ${one.query.expr ?? ""}`} />
              </td>
              <td className="nowrap">
                {one.not && `${t("steps.not")} `}
                <code className="mono nowrap">{one.predicate}</code>
              </td>
              <td>{takesValue(one.predicate) ? <Value value={one.expected} /> : "–"}</td>
              <td>
                <Value value={one.actual} />
                {one.message && <div className="faint small">{one.message}</div>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
