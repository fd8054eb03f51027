import { Button, Modal } from "antd";
import { useTranslation } from "react-i18next";
import type { CaseRead, Document } from "~/api/types";
import { writeJson } from "~/lib/json";
import { shortTime } from "~/lib/time";
import { Diff } from "~/ui/Code";

interface Props {
  theirs: CaseRead;
  mine: Document;
  busy: boolean;
  onOverwrite: () => void;
  onTake: () => void;
  onClose: () => void;
}

/** Someone saved the case meanwhile: both texts, and the choice. */
export function ConflictDialog({ theirs, mine, busy, onOverwrite, onTake, onClose }: Props) {
  const { t } = useTranslation();
  return (
    <Modal
      open
      width={960}
      title={t("conflict.title", { name: theirs.updated_by.username ?? "?", time: shortTime(theirs.updated_at) })}
      onCancel={onClose}
      footer={null}
    >
      <p>{t("conflict.text")}</p>
      <Diff label={t("conflict.label")} before={writeJson(theirs.document, 2)} after={writeJson(mine, 2)} />
      <div className="actions" style={{ marginTop: 12 }}>
        <Button danger loading={busy} onClick={onOverwrite}>
          {t("conflict.overwrite")}
        </Button>
        <Button onClick={onTake}>{t("conflict.take")}</Button>
        <Button onClick={onClose}>{t("conflict.goOn")}</Button>
      </div>
    </Modal>
  );
}
