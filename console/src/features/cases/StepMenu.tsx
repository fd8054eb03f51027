import { Button, Dropdown } from "antd";
import { useTranslation } from "react-i18next";
import type { Document } from "~/api/types";
import { moveStep, neighbours, removeStep, replaceStep, stepAt } from "~/features/steps/tree";

interface Props {
  document: Document;
  place: string;
  /** The changed document, and the place to go on from. */
  onChange: (document: Document, place: string | null) => void;
  onDuplicate: () => void;
}

/** What can be done with the chosen step, moving it into and out of groups included. */
export function StepMenu({ document, place, onChange, onDuplicate }: Props) {
  const { t } = useTranslation();
  const step = stepAt(document, place);
  if (!step) return null;
  const around = neighbours(document, place);
  const moved = (list: string | null, before: string | null) => {
    const done = list && moveStep(document, place, list, before);
    if (done) onChange(done.document, done.place);
  };
  const act: Record<string, () => void> = {
    up: () => moved(around.list, around.previous),
    down: () => moved(around.list, around.afterNext),
    into: () => moved(around.groupAbove, null),
    out: () => moved(around.outer, around.afterParent),
    copy: onDuplicate,
    toggle: () => {
      const { enabled, ...rest } = step;
      onChange(replaceStep(document, place, enabled === false ? rest : { ...rest, enabled: false }), place);
    },
    delete: () => onChange(removeStep(document, place), null),
  };
  return (
    <Dropdown
      autoFocus
      trigger={["click"]}
      menu={{
        items: [
          { key: "up", label: `${t("steps.up")} (Alt+↑)`, disabled: !around.previous },
          { key: "down", label: `${t("steps.down")} (Alt+↓)`, disabled: !around.next },
          { key: "into", label: t("steps.into"), disabled: !around.groupAbove },
          { key: "out", label: t("steps.out"), disabled: !around.outer },
          { type: "divider" },
          { key: "copy", label: t("action.copy") },
          { key: "toggle", label: step.enabled === false ? t("steps.enabled") : t("status.disabled") },
          { key: "delete", label: t("action.delete"), danger: true },
        ],
        onClick: ({ key }) => act[key]?.(),
      }}
    >
      <Button aria-label={t("steps.menu")}>{t("steps.menu")} ▾</Button>
    </Dropdown>
  );
}
