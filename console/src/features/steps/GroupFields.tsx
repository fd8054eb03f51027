import { Input, InputNumber, Segmented } from "antd";
import { useTranslation } from "react-i18next";
import type { Step } from "~/api/types";
import { ConditionFields, HOLDS } from "./ConditionFields";
import { ValueInput } from "./ValueInput";

interface Props {
  step: Step;
  set: (change: Partial<Step>) => void;
  readOnly?: boolean;
}

type Loop = "once" | "for_each" | "repeat_until";

const REPEAT = { ...HOLDS, max: 10, interval_ms: 1000 };

/** How often the steps of a group run: once, for each item of a list, or until something holds. */
export function GroupFields({ step, set, readOnly }: Props) {
  const { t } = useTranslation();
  const loop: Loop = step.for_each ? "for_each" : step.repeat_until ? "repeat_until" : "once";
  const first = { in: "{{items}}", as: "item", max: 100 };
  const each = step.for_each ?? first;
  const until = step.repeat_until ?? REPEAT;
  const choose = (next: Loop) =>
    set({
      for_each: next === "for_each" ? first : undefined,
      repeat_until: next === "repeat_until" ? REPEAT : undefined,
    });
  return (
    <div className="stack">
      <Segmented<Loop>
        aria-label={t("group.loop")}
        style={{ alignSelf: "start" }}
        disabled={readOnly}
        value={loop}
        options={(["once", "for_each", "repeat_until"] as const).map((value) => ({
          value,
          label: t(`group.${value}`),
        }))}
        onChange={choose}
      />
      {loop === "for_each" && (
        <div className="filters" style={{ margin: 0 }}>
          <span>{t("group.as")}</span>
          <Input
            className="mono"
            style={{ width: 140 }}
            aria-label={t("group.as")}
            value={each.as}
            readOnly={readOnly}
            onChange={(event) => set({ for_each: { ...each, as: event.target.value } })}
          />
          <span>{t("group.in")}</span>
          <span style={{ flex: 1, minWidth: 200 }}>
            <ValueInput
              label={t("group.in")}
              value={each.in}
              readOnly={readOnly}
              onChange={(list) => set({ for_each: { ...each, in: list } })}
            />
          </span>
          <Most value={each.max} readOnly={readOnly} onChange={(max) => set({ for_each: { ...each, max } })} />
        </div>
      )}
      {loop === "repeat_until" && (
        <>
          <ConditionFields
            label={t("group.repeat_until")}
            condition={until}
            readOnly={readOnly}
            onChange={(next) => set({ repeat_until: next })}
          />
          <div className="filters" style={{ margin: 0 }}>
            <Most
              value={until.max}
              readOnly={readOnly}
              onChange={(max) => set({ repeat_until: { ...until, max: max ?? 1 } })}
            />
            <InputNumber
              prefix={t("steps.interval")}
              suffix="ms"
              aria-label={t("steps.interval")}
              style={{ width: 200 }}
              min={0}
              max={600_000}
              readOnly={readOnly}
              value={until.interval_ms ?? 1000}
              onChange={(interval_ms) => set({ repeat_until: { ...until, interval_ms: interval_ms ?? 0 } })}
            />
          </div>
        </>
      )}
      <p className="faint small">{t("group.hint")}</p>
    </div>
  );
}

interface MostProps {
  value: number | undefined;
  readOnly?: boolean;
  onChange: (value: number | undefined) => void;
}

/** How many times at most. */
function Most({ value, readOnly, onChange }: MostProps) {
  const { t } = useTranslation();
  return (
    <InputNumber
      prefix={t("group.max")}
      aria-label={t("group.max")}
      style={{ width: 150 }}
      min={1}
      max={1000}
      readOnly={readOnly}
      value={value}
      onChange={(next) => onChange(next ?? undefined)}
    />
  );
}
