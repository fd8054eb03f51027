import SearchOutlined from "@ant-design/icons/es/icons/SearchOutlined";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Button, Input, type InputRef, Modal } from "antd";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { projects } from "~/api/queries";
import type { CaseItem, Page, Task } from "~/api/types";
import { visible } from "~/lib/bidi";

interface Hit {
  key: string;
  kind: string;
  text: string;
  /** The project's name. */
  of?: string;
  to: string;
}

/** Finds projects, cases and tasks by a part of their name, from anywhere: Ctrl+K. */
export function QuickSearch({ pid }: { pid: number | null }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [open, setOpen] = useState(false);
  const [typed, setTyped] = useState("");
  const [wanted, setWanted] = useState("");
  const [at, setAt] = useState(0);
  const field = useRef<InputRef>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "k" || event.isComposing) return;
      event.preventDefault();
      setOpen(true);
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  useEffect(() => {
    const timer = setTimeout(() => {
      setWanted(typed.trim());
      setAt(0);
    }, 250);
    return () => clearTimeout(timer);
  }, [typed]);
  const listed = useQuery(projects).data?.data ?? [];
  const found = useQuery({
    queryKey: ["quick", wanted],
    enabled: open && wanted !== "",
    queryFn: async ({ signal }) => {
      const query = { search: wanted, page_size: 8 };
      const [cases, tasks] = await Promise.all([
        call<Page<CaseItem>>("GET", "/catalog/cases", { query, signal }),
        call<Page<Task>>("GET", "/scheduler/tasks", { query, signal }),
      ]);
      return { cases: cases.data, tasks: tasks.data };
    },
  });
  const like = listed.filter((one) => wanted && one.name.toLowerCase().includes(wanted.toLowerCase()));
  // Those of the project at hand come first.
  const cases = (found.data?.cases ?? []).toSorted(
    (one, other) => Number(other.project_id === pid) - Number(one.project_id === pid),
  );
  const hits: Hit[] = [
    ...cases.map((one) => ({
      key: `case ${one.id}`,
      kind: t("quick.case"),
      text: one.name,
      of: listed.find(({ id }) => id === one.project_id)?.name,
      to: `/p/${one.project_id}/cases/${one.id}`,
    })),
    ...(found.data?.tasks ?? []).map((one) => ({
      key: `task ${one.id}`,
      kind: t("quick.task"),
      text: one.task_name,
      to: `/tasks/${one.id}`,
    })),
    ...like.slice(0, 5).map((one) => ({
      key: `project ${one.id}`,
      kind: t("shell.project"),
      text: one.name,
      to: `/p/${one.id}/cases`,
    })),
  ];
  const go = (hit: Hit | undefined) => {
    if (!hit) return;
    setOpen(false);
    setTyped("");
    void navigate({ to: hit.to as "/" });
  };
  return (
    <>
      <Button
        className="quick"
        icon={<SearchOutlined />}
        aria-label={t("quick.open")}
        onClick={() => setOpen(true)}
        aria-keyshortcuts="Control+K"
      >
        <span>{t("quick.open")}</span> <kbd>Ctrl K</kbd>
      </Button>
      <Modal
        open={open}
        title={t("quick.title")}
        footer={null}
        onCancel={() => setOpen(false)}
        afterOpenChange={(shown) => shown && field.current?.focus()}
        style={{ top: 80 }}
      >
        <Input
          ref={field}
          prefix={<SearchOutlined />}
          role="combobox"
          aria-expanded={hits.length > 0}
          aria-controls={hits.length ? "quick-hits" : undefined}
          aria-activedescendant={hits[at] && `quick-${at}`}
          aria-label={t("quick.title")}
          placeholder={t("quick.placeholder")}
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
          onKeyDown={(event) => {
            if (event.nativeEvent.isComposing) return;
            if (event.key === "ArrowDown") setAt(Math.min(at + 1, hits.length - 1));
            else if (event.key === "ArrowUp") setAt(Math.max(at - 1, 0));
            else if (event.key === "Enter") go(hits[at]);
            else return;
            event.preventDefault();
          }}
        />
        {hits.length > 0 && (
          <div id="quick-hits" role="listbox" aria-label={t("quick.title")} className="quick-hits">
            {hits.map((hit, index) => (
              <div
                key={hit.key}
                id={`quick-${index}`}
                role="option"
                tabIndex={-1}
                aria-selected={index === at}
                className={`quick-hit${index === at ? " selected" : ""}`}
                onClick={() => go(hit)}
                onKeyDown={(event) => event.key === "Enter" && go(hit)}
              >
                <span className="faint small">{hit.kind}</span> {visible(hit.text)}
                {hit.of && (
                  <small className="faint" style={{ marginInlineStart: "auto" }}>
                    {visible(hit.of)}
                  </small>
                )}
              </div>
            ))}
          </div>
        )}
        {wanted !== "" && found.isSuccess && hits.length === 0 && <p className="faint">{t("quick.none")}</p>}
      </Modal>
    </>
  );
}
