import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { App, Button, Dropdown, Popconfirm } from "antd";
import { useTranslation } from "react-i18next";
import { call, fetchApi } from "~/api/client";
import { projects, queryClient } from "~/api/queries";
import type { RunDetail } from "~/api/types";
import { copyText, download } from "~/lib/copy";
import { duration, percent } from "~/lib/time";
import { useRunName } from "./name";
import { isOpen } from "./useRun";

const ENDINGS: Record<string, string> = { junit: "xml", ctrf: "ctrf.json" };

/** Cancel, run again, export, copy a summary. */
export function RunActions({ run }: { run: RunDetail }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const nameOf = useRunName();
  const { message } = App.useApp();
  const listed = useQuery(projects).data?.data ?? [];
  const write = run.cases.every((one) => listed.some((project) => project.id === one.project?.id && project.can_write));
  const told = (error: Error) => void message.error(error.message);
  const rerun = useMutation({
    mutationFn: (only: "failed" | undefined) =>
      call<{ run_id: string }>("POST", `/runs/${run.run_id}/rerun`, { query: { only } }),
    onSuccess: ({ run_id }) => navigate({ to: `/runs/${run_id}` as "/" }),
    onError: told,
  });
  const cancel = useMutation({
    mutationFn: () => call("POST", `/runs/${run.run_id}/cancel`),
    onSettled: () => queryClient.invalidateQueries({ queryKey: ["run", run.run_id] }),
    onError: told,
  });
  const exportAs = useMutation({
    mutationFn: async (format: string) => {
      const response = await fetchApi("GET", `/runs/${run.run_id}/export`, { query: { format }, timeout: 60_000 });
      download(`run-${run.run_id}.${ENDINGS[format] ?? format}`, await response.blob());
    },
    onError: told,
  });
  const copy = async () => {
    const bad = run.cases.filter((one) => one.status === "failed" || one.status === "error");
    const lines = [
      `${nameOf(run)}: ${t(`status.${run.status}` as "status.passed")} ${percent(run.pass_rate)} (${run.cases_passed}/${run.cases_total}) ${duration(run.duration_ms)}`,
      ...bad.map((one) => `✗ ${one.name} ${one.steps_passed}/${one.steps_total}`),
      `${location.origin}/console/runs/${run.run_id}`,
    ];
    await copyText(lines.join("\n"));
    void message.success(t("action.copied"));
  };
  if (isOpen(run.status)) {
    return write ? (
      <Popconfirm
        title={t("runs.cancelSure")}
        okText={t("runs.cancel")}
        cancelText={t("runs.keep")}
        onConfirm={() => cancel.mutate()}
      >
        <Button danger loading={cancel.isPending}>
          {t("runs.cancel")}
        </Button>
      </Popconfirm>
    ) : null;
  }
  return (
    <>
      {write && run.status !== "passed" && (
        <Button type="primary" loading={rerun.isPending} onClick={() => rerun.mutate("failed")}>
          {t("runs.rerunFailed")}
        </Button>
      )}
      {write && (
        <Button loading={rerun.isPending} onClick={() => rerun.mutate(undefined)}>
          {t("runs.rerunAll")}
        </Button>
      )}
      <Button onClick={() => void copy()}>{t("runs.copySummary")}</Button>
      <Dropdown
        autoFocus
        trigger={["click"]}
        menu={{
          items: ["json", "junit", "ctrf", "html"].map((key) => ({ key, label: key.toUpperCase() })),
          onClick: ({ key }) => exportAs.mutate(key),
        }}
      >
        <Button loading={exportAs.isPending}>{t("runs.export")} ▾</Button>
      </Dropdown>
      <Button onClick={() => void navigate({ to: "/admin/deliveries", search: { run: run.run_id } as never })}>
        {t("runs.deliveries")}
      </Button>
    </>
  );
}
