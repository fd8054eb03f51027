import { Button, Modal, Popconfirm, Radio } from "antd";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { CaseRead, Document } from "~/api/types";
import { type Json, sameJson, writeJson } from "~/lib/json";
import { type Choice, type Conflict, merge } from "~/lib/merge";
import { shortTime } from "~/lib/time";
import { Diff } from "~/ui/Code";
import { Mono } from "~/ui/Mono";

interface Props {
  /** The state that mine began from. */
  base: Document;
  theirs: CaseRead;
  mine: Document;
  busy: boolean;
  onSave: (document: Document) => void;
  onSaveAsNew: () => void;
  onTake: () => void;
  onClose: () => void;
}

/** Someone saved the case meanwhile: what does not overlap is merged, for the rest one chooses; nothing is lost. */
export function ConflictDialog({ base, theirs, mine, busy, onSave, onSaveAsNew, onTake, onClose }: Props) {
  const { t } = useTranslation();
  const [choices, setChoices] = useState<Record<string, Choice>>({});
  const { value, conflicts } = useMemo(
    () => merge(base as unknown as Json, mine as unknown as Json, theirs.document as unknown as Json, choices),
    [base, mine, theirs, choices],
  );
  const merged = value as unknown as Document;
  const open = conflicts.filter((one) => !choices[one.path]).length;
  const before = writeJson(theirs.document, 2);
  const after = writeJson(merged, 2);
  return (
    <Modal
      open
      width={1040}
      title={t("conflict.title", { name: theirs.updated_by.username ?? "?", time: shortTime(theirs.updated_at) })}
      onCancel={onClose}
      style={{ top: 24 }}
      styles={{ body: { maxHeight: "calc(100vh - 190px)", overflow: "auto" } }}
      footer={
        <div className="actions">
          <Button type="primary" loading={busy} disabled={open > 0} onClick={() => onSave(merged)}>
            {open ? t("conflict.left", { count: open }) : t("conflict.merge")}
          </Button>
          <Button loading={busy} onClick={onSaveAsNew}>
            {t("conflict.saveAsNew")}
          </Button>
          <Popconfirm title={t("conflict.overwriteSure")} onConfirm={() => onSave(mine)}>
            <Button danger>{t("conflict.overwrite")}</Button>
          </Popconfirm>
          <Popconfirm title={t("conflict.takeSure")} onConfirm={onTake}>
            <Button danger>{t("conflict.take")}</Button>
          </Popconfirm>
          <Button onClick={onClose}>{t("conflict.goOn")}</Button>
        </div>
      }
    >
      <div className="stack">
        <p style={{ margin: 0 }}>
          {conflicts.length ? t("conflict.some", { count: conflicts.length }) : t("conflict.none")}
        </p>
        {conflicts.map((one) => (
          <Side
            key={one.path}
            conflict={one}
            chosen={choices[one.path]}
            onChoose={(choice) => setChoices({ ...choices, [one.path]: choice })}
          />
        ))}
        {sameJson(theirs.document, merged) ? (
          <p className="faint">{t("conflict.same")}</p>
        ) : (
          <section>
            <h3>{t("conflict.result")}</h3>
            <Diff label={t("conflict.label")} before={before} after={after} />
          </section>
        )}
      </div>
    </Modal>
  );
}

interface SideProps {
  conflict: Conflict;
  chosen: Choice | undefined;
  onChoose: (choice: Choice) => void;
}

function Side({ conflict, chosen, onChoose }: SideProps) {
  const { t } = useTranslation();
  const text = (value: Json | undefined) => (value === undefined ? t("conflict.removed") : writeJson(value, 2));
  return (
    <fieldset className="conflict">
      <legend>
        <Mono text={conflict.path || "$"} />
      </legend>
      <Radio.Group
        className="conflict-sides"
        value={chosen}
        onChange={(event) => onChoose(event.target.value as Choice)}
      >
        {(["mine", "theirs"] as const).map((side) => (
          <Radio key={side} value={side} className={chosen === side ? "chosen" : ""}>
            <strong>{t(`conflict.${side}`)}</strong>
            <pre className="mono">{text(conflict[side]).slice(0, 4000)}</pre>
          </Radio>
        ))}
      </Radio.Group>
    </fieldset>
  );
}
