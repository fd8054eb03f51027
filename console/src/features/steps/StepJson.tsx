import { useTranslation } from "react-i18next";
import type { Step } from "~/api/types";
import { JsonValue } from "./BodyEditor";

/** Groups, calls and statements: everything but name, type and inner steps, as JSON. */
export function StepJson({ step, onChange }: { step: Step; onChange?: (step: Step) => void }) {
  const { t } = useTranslation();
  const { name, type, enabled, steps, ...rest } = step;
  return (
    <>
      <p className="faint small">{t("steps.asJson", { type })}</p>
      <JsonValue
        key={type}
        label={type}
        value={rest}
        onChange={
          onChange &&
          ((next: object) =>
            onChange({
              type,
              ...(name && { name }),
              ...(enabled === false && { enabled }),
              ...next,
              ...(steps && { steps }),
            }))
        }
      />
    </>
  );
}
