import { useMutation, useQuery } from "@tanstack/react-query";
import { App, Button, Input, Select } from "antd";
import dayjs from "dayjs";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { queryClient } from "~/api/queries";
import type { Page, Preferences, Task } from "~/api/types";
import { Failure } from "~/ui/Failure";
import { Loaded } from "~/ui/Page";

const KEY = ["preferences"];
const ZONES = Intl.supportedValuesOf("timeZone");

/** When one wants no mail: hours of each day, a pause, and tasks one hears nothing of. */
export function Quiet() {
  const { t } = useTranslation();
  const found = useQuery({ queryKey: KEY, queryFn: () => call<Preferences>("GET", "/notifications/preferences") });
  return (
    <section className="panel">
      <h2>{t("quiet.title")}</h2>
      <Loaded query={found}>{(saved) => <QuietForm key={JSON.stringify(saved)} saved={saved} />}</Loaded>
    </section>
  );
}

function QuietForm({ saved }: { saved: Preferences }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const [from, setFrom] = useState(saved.quiet_from?.slice(0, 5) ?? "");
  const [until, setUntil] = useState(saved.quiet_until?.slice(0, 5) ?? "");
  const [zone, setZone] = useState(saved.timezone);
  const [pause, setPause] = useState(saved.muted_until ? dayjs(saved.muted_until).format("YYYY-MM-DDTHH:mm") : "");
  const [muted, setMuted] = useState(saved.muted_task_ids);
  const tasks = useQuery({
    queryKey: ["tasks", "names"],
    queryFn: () => call<Page<Task>>("GET", "/scheduler/tasks", { query: { page_size: 200 } }),
    staleTime: 60_000,
  });
  const save = useMutation({
    mutationFn: () =>
      call<Preferences>("PUT", "/notifications/preferences", {
        body: {
          quiet_from: from || null,
          quiet_until: until || null,
          timezone: zone,
          muted_until: pause ? dayjs(pause).toISOString() : null,
          muted_task_ids: muted,
        },
      }),
    onSuccess: (answer) => {
      queryClient.setQueryData(KEY, answer);
      void message.success(t("me.saved"));
    },
  });
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      {save.error && <Failure error={save.error} />}
      <div>
        <div className="filters" style={{ margin: 0 }}>
          <Input
            type="time"
            style={{ width: 120 }}
            aria-label={t("quiet.from")}
            value={from}
            required={until !== ""}
            onChange={(event) => setFrom(event.target.value)}
          />
          –
          <Input
            type="time"
            style={{ width: 120 }}
            aria-label={t("quiet.until")}
            value={until}
            required={from !== ""}
            onChange={(event) => setUntil(event.target.value)}
          />
          <Select
            aria-label={t("tasks.zone")}
            style={{ minWidth: 200 }}
            showSearch
            value={zone}
            options={[...new Set([saved.timezone, "UTC", ...ZONES])].map((value) => ({ value, label: value }))}
            onChange={setZone}
          />
        </div>
        <p className="faint small">{t("quiet.hint")}</p>
      </div>
      <label htmlFor="muted-until">
        {t("quiet.pause")}
        <Input
          id="muted-until"
          type="datetime-local"
          allowClear
          value={pause}
          onChange={(event) => setPause(event.target.value)}
        />
      </label>
      <label htmlFor="muted-tasks">
        {t("quiet.tasks")}
        <Select
          id="muted-tasks"
          mode="multiple"
          style={{ width: "100%" }}
          placeholder={t("quiet.noTasks")}
          value={muted}
          showSearch={{ optionFilterProp: "label" }}
          options={(tasks.data?.data ?? []).map((one) => ({ value: one.id, label: one.task_name }))}
          onChange={setMuted}
        />
      </label>
      <Button htmlType="submit" type="primary" loading={save.isPending} style={{ alignSelf: "start" }}>
        {t("action.save")}
      </Button>
    </form>
  );
}
