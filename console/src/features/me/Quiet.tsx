import { useMutation, useQuery } from "@tanstack/react-query";
import { App, Button, DatePicker, Select, TimePicker } from "antd";
import dayjs, { type Dayjs } from "dayjs";
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

const clockTime = (text: string) => dayjs(`2000-01-01T${text}`);

function QuietForm({ saved }: { saved: Preferences }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const [hours, setHours] = useState<[Dayjs, Dayjs] | null>(
    saved.quiet_from && saved.quiet_until ? [clockTime(saved.quiet_from), clockTime(saved.quiet_until)] : null,
  );
  const [zone, setZone] = useState(saved.timezone);
  const [pause, setPause] = useState<Dayjs | null>(saved.muted_until ? dayjs(saved.muted_until) : null);
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
          quiet_from: hours?.[0].format("HH:mm") ?? null,
          quiet_until: hours?.[1].format("HH:mm") ?? null,
          timezone: zone,
          muted_until: pause?.toISOString() ?? null,
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
        <label htmlFor="quiet-hours">{t("quiet.hours")}</label>
        <div className="filters" style={{ margin: "8px 0 0" }}>
          <TimePicker.RangePicker
            id={{ start: "quiet-hours", end: "quiet-end" }}
            format="HH:mm"
            order={false}
            placeholder={[t("quiet.from"), t("quiet.until")]}
            value={hours}
            onChange={(next) => setHours(next?.[0] && next[1] ? [next[0], next[1]] : null)}
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
        <p className="faint small" style={{ margin: "8px 0 0" }}>
          {t("quiet.hint")}
        </p>
      </div>
      <div>
        <label htmlFor="muted-until">{t("quiet.pause")}</label>
        <DatePicker
          id="muted-until"
          showTime={{ format: "HH:mm" }}
          format="YYYY-MM-DD HH:mm"
          style={{ display: "flex", maxWidth: 324, marginTop: 8 }}
          value={pause}
          onChange={setPause}
        />
      </div>
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
