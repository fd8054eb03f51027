import { useMutation, useQuery } from "@tanstack/react-query";
import { App, Button, Modal, Popconfirm, Select } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { modules } from "~/api/queries";
import { visible } from "~/lib/bidi";
import { Failure } from "~/ui/Failure";

interface Props {
  pid: number;
  ids: number[];
  onDone: (said: string) => Promise<void>;
}

/** Moves the chosen cases into a module, puts tags on them and takes tags off, or deletes them. */
export default function BulkMenu({ pid, ids, onDone }: Props) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const [open, setOpen] = useState<"move" | "tag" | null>(null);
  const [target, setTarget] = useState<number | null>(null);
  const [add, setAdd] = useState<string[]>([]);
  const [remove, setRemove] = useState<string[]>([]);
  const tree = useQuery({ ...modules(pid), enabled: open === "move" }).data?.data ?? [];
  const save = useMutation({
    mutationFn: () =>
      call("POST", "/catalog/cases:bulk", {
        body: open === "move" ? { ids, action: "move", module_id: target } : { ids, action: "tag", add, remove },
      }),
    onSuccess: () => {
      const said = open === "move" ? t("bulk.moved", { count: ids.length }) : t("bulk.tagged", { count: ids.length });
      setOpen(null);
      return onDone(said);
    },
  });
  const drop = useMutation({
    mutationFn: () => call("POST", "/catalog/cases:bulk", { body: { ids, action: "delete" } }),
    onSuccess: () => onDone(t("cases.deleted")),
    onError: (error) => void message.error(error.message),
  });
  const ready = open === "move" ? target !== null : add.length + remove.length > 0;
  const show = (what: "move" | "tag") => {
    setTarget(null);
    setAdd([]);
    setRemove([]);
    save.reset();
    setOpen(what);
  };
  return (
    <>
      <Button onClick={() => show("move")}>{t("bulk.move")}</Button>
      <Button onClick={() => show("tag")}>{t("bulk.tags")}</Button>
      <Popconfirm title={t("cases.deleteSure", { count: ids.length })} onConfirm={() => drop.mutate()}>
        <Button danger>{t("action.delete")}</Button>
      </Popconfirm>
      <Modal
        open={open !== null}
        title={open === "move" ? t("bulk.moveTitle", { count: ids.length }) : t("bulk.tagTitle", { count: ids.length })}
        okText={t("action.save")}
        okButtonProps={{ disabled: !ready, loading: save.isPending }}
        onOk={() => save.mutate()}
        onCancel={() => setOpen(null)}
        destroyOnHidden
      >
        <div className="stack">
          {save.error && <Failure error={save.error} />}
          {open === "move" ? (
            <Select
              aria-label={t("cases.module")}
              placeholder={t("cases.module")}
              value={target}
              showSearch={{ optionFilterProp: "label" }}
              options={tree.map((one) => ({ value: one.id, label: one.path.map(visible).join(" / ") }))}
              onChange={setTarget}
            />
          ) : (
            <>
              <Select
                mode="tags"
                aria-label={t("bulk.add")}
                placeholder={t("bulk.add")}
                value={add}
                onChange={setAdd}
              />
              <Select
                mode="tags"
                aria-label={t("bulk.remove")}
                placeholder={t("bulk.remove")}
                value={remove}
                onChange={setRemove}
              />
            </>
          )}
        </div>
      </Modal>
    </>
  );
}
