import { useMutation, useQuery } from "@tanstack/react-query";
import { App, Button, Input, Modal } from "antd";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { modules, queryClient } from "~/api/queries";
import type { Module } from "~/api/types";
import { visible } from "~/lib/bidi";
import { Failure } from "~/ui/Failure";
import { Loaded } from "~/ui/Page";
import { TreeList, type TreeNode } from "~/ui/TreeList";

interface Props {
  pid: number;
  /** The id of a module; null: the whole project. */
  selected: string | null;
  onSelect: (module: string | null) => void;
  write: boolean;
}

function nest(flat: Module[]): TreeNode[] {
  const nodes = new Map<number, TreeNode & { children: TreeNode[]; count: number }>();
  const roots: TreeNode[] = [];
  for (const one of flat)
    nodes.set(one.id, {
      id: String(one.id),
      label: visible(one.name),
      text: visible(one.name),
      children: [],
      count: one.case_count,
    });
  for (const one of flat) {
    const node = nodes.get(one.id);
    if (node) (one.parent_id === null ? roots : (nodes.get(one.parent_id)?.children ?? roots)).push(node);
  }
  const total = (node: TreeNode & { count?: number }): number => {
    const sum = (node.count ?? 0) + (node.children ?? []).reduce((before, one) => before + total(one), 0);
    node.extra = <span className="faint small num">{sum}</span>;
    return sum;
  };
  roots.forEach(total);
  return roots;
}

/** The module tree: choose, make, rename, move, delete. */
export function ModuleTree({ pid, selected, onSelect, write }: Props) {
  const { t } = useTranslation();
  const { modal } = App.useApp();
  const tree = useQuery(modules(pid));
  const nodes = useMemo(() => nest(tree.data?.data ?? []), [tree.data]);
  const [editing, setEditing] = useState<{ id: string | null; name: string } | null>(null);
  const current = tree.data?.data.find((one) => String(one.id) === selected);
  const refresh = () => queryClient.invalidateQueries({ queryKey: ["modules", pid] });
  const save = useMutation({
    mutationFn: ({ id, name }: { id: string | null; name: string }) =>
      id
        ? call("PUT", `/catalog/modules/${id}`, { body: { name } })
        : call("POST", `/catalog/projects/${pid}/modules`, { body: { name, parent_id: current?.id ?? null } }),
    onSuccess: async () => {
      setEditing(null);
      await refresh();
    },
  });
  const move = useMutation({
    mutationFn: ({ id, parent, before }: { id: string; parent: string | null; before: string | null }) =>
      call("POST", `/catalog/modules/${id}/move`, {
        body: { parent_id: parent && Number(parent), before_id: before && Number(before) },
      }),
    onSettled: refresh,
  });
  const remove = useMutation({
    mutationFn: (id: number) => call("DELETE", `/catalog/modules/${id}`),
    onSuccess: async () => {
      onSelect(null);
      await refresh();
    },
  });
  const failure = save.error ?? move.error ?? remove.error;
  return (
    <section className="panel modules" aria-label={t("cases.modules")}>
      <button
        type="button"
        className={`tree-row all${selected === null ? " selected" : ""}`}
        onClick={() => onSelect(null)}
      >
        <span className="tree-label">{t("cases.all")}</span>
        {tree.data && (
          <span className="faint small num">{tree.data.data.reduce((sum, one) => sum + one.case_count, 0)}</span>
        )}
      </button>
      <Loaded query={tree}>
        {() => (
          <TreeList
            label={t("cases.modules")}
            nodes={nodes}
            selected={selected}
            onSelect={onSelect}
            isFolder={() => true}
            onMove={write ? (id, parent, before) => move.mutate({ id, parent, before }) : undefined}
          />
        )}
      </Loaded>
      {failure && !editing && <Failure error={failure} />}
      {write && (
        <div className="actions" style={{ marginTop: 8 }}>
          <Button size="small" onClick={() => setEditing({ id: null, name: "" })}>
            + {t("cases.newModule")}
          </Button>
          {current && (
            <>
              <Button size="small" onClick={() => setEditing({ id: String(current.id), name: current.name })}>
                {t("action.rename")}
              </Button>
              <Button
                size="small"
                danger
                onClick={() =>
                  void modal.confirm({
                    title: t("cases.deleteModule", { name: visible(current.name) }),
                    onOk: () => remove.mutate(current.id),
                  })
                }
              >
                {t("action.delete")}
              </Button>
            </>
          )}
        </div>
      )}
      <Modal
        open={editing !== null}
        title={editing?.id ? t("action.rename") : t("cases.newModule")}
        okText={t("action.save")}
        onCancel={() => setEditing(null)}
        onOk={() => editing?.name.trim() && save.mutate(editing)}
        confirmLoading={save.isPending}
        destroyOnHidden
      >
        {save.error && <Failure error={save.error} />}
        <Input
          autoFocus
          maxLength={100}
          aria-label={t("cases.moduleName")}
          placeholder={t("cases.moduleName")}
          value={editing?.name}
          onChange={(event) => setEditing((old) => old && { ...old, name: event.target.value })}
          onPressEnter={(event) => !event.nativeEvent.isComposing && editing?.name.trim() && save.mutate(editing)}
        />
      </Modal>
    </section>
  );
}
