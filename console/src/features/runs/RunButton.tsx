import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { App, Button, Dropdown } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError, call, idempotencyKey } from "~/api/client";
import { environments, settings } from "~/api/queries";
import { visible } from "~/lib/bidi";

interface Props {
  pid: number;
  caseIds: number[];
  primary?: boolean;
  small?: boolean;
}

/** Runs cases; the environment with its base URL is chosen as one presses it. */
export function RunButton({ pid, caseIds, primary, small }: Props) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { message } = App.useApp();
  const [open, setOpen] = useState(false);
  const asked = useQuery({ ...environments(pid), enabled: open });
  const listed = asked.data?.data ?? [];
  const own = useQuery({ ...settings, enabled: open }).data;
  const run = useMutation({
    mutationFn: (environmentId: number | null) =>
      call<{ run_id: string }>("POST", "/runs", {
        body: { case_ids: caseIds, ...(environmentId && { environments: { [pid]: environmentId } }) },
        headers: idempotencyKey(),
      }),
    onSuccess: ({ run_id }) => navigate({ to: `/runs/${run_id}` as "/" }),
    onError: (error) => void message.error(error instanceof ApiError ? error.message : String(error)),
  });
  const usual =
    listed.find((one) => one.id === own?.environments[pid]) ?? listed.find((one) => one.is_default) ?? listed[0];
  const look = small ? { size: "small" as const, type: "text" as const } : primary ? { type: "primary" as const } : {};
  const choices = [usual, ...listed.filter((one) => one !== usual)].flatMap((one) =>
    one
      ? [
          {
            key: one.id,
            label: `${visible(one.name)} · ${one.base_urls.default ?? "–"}`,
            onClick: () => run.mutate(one.id),
          },
        ]
      : [],
  );
  const none = { key: 0, label: t("environments.without"), onClick: () => run.mutate(null) };
  return (
    <Dropdown
      autoFocus
      trigger={["click"]}
      open={open && !asked.isPending}
      onOpenChange={setOpen}
      menu={{ items: choices.length ? choices : [none] }}
    >
      <Button {...look} loading={run.isPending}>
        ▶ {t("action.run")} ▾
      </Button>
    </Dropdown>
  );
}
