import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Button, Form, Input, Modal, Select } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { modules, projects } from "~/api/queries";
import type { CaseItem, Page } from "~/api/types";
import { currentProject } from "~/features/home/project";
import { visible } from "~/lib/bidi";
import { ListTable } from "~/ui/ListTable";

const MOST = 1000;

interface Props {
  picked: number[];
  items: CaseItem[];
  onChange: (ids: number[]) => void;
}

/** The chosen cases in their order, and a dialog to choose them by project, module and name. */
export function CasePicker({ picked, items, onChange }: Props) {
  const { t } = useTranslation();
  const { status } = Form.Item.useStatus();
  const [chosen, setChosen] = useState<number[] | null>(null);
  const names = new Map(items.map((one) => [one.id, one.name]));
  return (
    <>
      {picked.length > 0 && (
        <div className="picked">
          {picked.map((id) => (
            <span key={id} className="chip">
              {visible(names.get(id) ?? `#${id}`)}
              <button
                type="button"
                aria-label={t("action.remove", { what: names.get(id) ?? id })}
                onClick={() => onChange(picked.filter((one) => one !== id))}
              >
                ✕
              </button>
            </span>
          ))}
        </div>
      )}
      <Button danger={status === "error"} onClick={() => setChosen(picked)}>
        {t("tasks.chooseCases")}
      </Button>
      <Modal
        open={chosen !== null}
        width={860}
        title={t("tasks.chooseCases")}
        okText={t("tasks.take", { count: (chosen ?? picked).length })}
        onCancel={() => setChosen(null)}
        onOk={() => {
          onChange(chosen ?? picked);
          setChosen(null);
        }}
        destroyOnHidden
      >
        <Chooser picked={chosen ?? picked} onChange={setChosen} />
      </Modal>
    </>
  );
}

function Chooser({ picked, onChange }: Omit<Props, "items">) {
  const { t } = useTranslation();
  const writable = (useQuery(projects).data?.data ?? []).filter((one) => one.can_write);
  const [pid, setPid] = useState<number | null>(null);
  const project = pid ?? currentProject(writable);
  const [module, setModule] = useState<number | undefined>();
  const [text, setText] = useState("");
  const [page, setPage] = useState(1);
  const tree = useQuery({ ...modules(project ?? 0), enabled: project !== null }).data?.data ?? [];
  const query = {
    project_id: project,
    module_id: module,
    recursive: module ? true : undefined,
    search: text,
    sort: "name",
    page,
    page_size: 10,
  };
  const cases = useQuery({
    queryKey: ["cases", query],
    queryFn: () => call<Page<CaseItem>>("GET", "/catalog/cases", { query }),
    enabled: project !== null,
    placeholderData: keepPreviousData,
  });
  return (
    <>
      <div className="filters">
        <Select
          aria-label={t("shell.project")}
          style={{ width: 200 }}
          value={project}
          options={writable.map((one) => ({ value: one.id, label: visible(one.name) }))}
          onChange={(id) => {
            setPid(id);
            setModule(undefined);
            setPage(1);
          }}
        />
        <Select
          allowClear
          showSearch={{ optionFilterProp: "label" }}
          aria-label={t("cases.module")}
          placeholder={t("tasks.anyModule")}
          style={{ width: 220 }}
          value={module}
          options={tree.map((one) => ({ value: one.id, label: one.path.join(" / ") }))}
          onChange={(id) => {
            setModule(id);
            setPage(1);
          }}
        />
        <Input.Search
          allowClear
          style={{ width: 220 }}
          aria-label={t("cases.search")}
          placeholder={t("cases.search")}
          onSearch={(value) => {
            setText(value);
            setPage(1);
          }}
        />
        <span className="num">{t("tasks.chosen", { count: picked.length, most: MOST })}</span>
      </div>
      <ListTable<CaseItem>
        rowKey="id"
        dataSource={cases.data?.data ?? []}
        rowSelection={{
          selectedRowKeys: picked,
          preserveSelectedRowKeys: true,
          onSelect: (one, on) => onChange(on ? [...picked, one.id] : picked.filter((id) => id !== one.id)),
          onSelectAll: (on, _, changed) => {
            const ids = changed.map((one) => one.id);
            onChange(
              on
                ? [...picked, ...ids.filter((id) => !picked.includes(id))].slice(0, MOST)
                : picked.filter((id) => !ids.includes(id)),
            );
          },
        }}
        pagination={{
          current: page,
          pageSize: 10,
          total: cases.data?.total ?? 0,
          showSizeChanger: false,
          hideOnSinglePage: true,
          onChange: setPage,
        }}
        columns={[
          { title: t("cases.name"), render: (_, one) => <span className="name">{visible(one.name)}</span> },
          { title: t("cases.tags"), render: (_, one) => one.tags.join(", ") },
          { title: t("cases.steps"), dataIndex: "step_count" },
        ]}
      />
    </>
  );
}
