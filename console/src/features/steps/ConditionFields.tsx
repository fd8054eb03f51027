import { Checkbox, Input, Select } from "antd";
import { useTranslation } from "react-i18next";
import type { Assert } from "~/api/types";
import { ValueInput } from "./ValueInput";
import { PREDICATES, takesValue } from "./words";

interface Props<C extends Assert> {
  label: string;
  condition: C;
  onChange: (condition: C) => void;
  readOnly?: boolean;
}

/** What a new condition says. */
export const HOLDS: Assert = { query: { type: "variable", expr: "" }, predicate: "==", value: true };

/** What must hold of a variable: its name, a predicate, a value. */
export function ConditionFields<C extends Assert>({ label, condition, onChange, readOnly }: Props<C>) {
  const { t } = useTranslation();
  const { value, ...rest } = condition;
  return (
    <div className="condition-row">
      <Input
        className="mono"
        prefix={<span className="faint">{t("group.variable")}</span>}
        aria-label={`${label} ${t("group.variable")}`}
        value={condition.query.expr ?? ""}
        readOnly={readOnly}
        onChange={(event) => onChange({ ...condition, query: { type: "variable", expr: event.target.value } })}
      />
      <Checkbox
        disabled={readOnly}
        checked={condition.not ?? false}
        onChange={(event) => onChange({ ...condition, not: event.target.checked || undefined })}
      >
        {t("steps.not")}
      </Checkbox>
      <Select
        aria-label={`${label} ${t("steps.predicate")}`}
        value={condition.predicate}
        disabled={readOnly}
        showSearch
        options={PREDICATES.map((one) => ({ value: one, label: one }))}
        onChange={(predicate) =>
          onChange({ ...rest, predicate, ...(takesValue(predicate) && { value: value ?? "" }) } as C)
        }
      />
      {takesValue(condition.predicate) && (
        <ValueInput
          label={`${label} ${t("steps.value")}`}
          value={value}
          readOnly={readOnly}
          onChange={(next) => onChange({ ...condition, value: next })}
        />
      )}
    </div>
  );
}
