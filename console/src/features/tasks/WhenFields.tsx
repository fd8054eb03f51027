import { Button, DatePicker, Input, InputNumber, Segmented, Select, TimePicker } from "antd";
import dayjs, { type Dayjs } from "dayjs";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { fromCron, type Preset, toCron, withoutSeconds } from "~/lib/cron";
import "./tasks.css";

export type When = { kind: "once"; at: Dayjs } | { kind: "cron"; cron: string; zone: string };

const ZONES = Intl.supportedValuesOf("timeZone");
const OWN_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** The first full minute that is ten minutes away. */
export function inTenMinutes(): Dayjs {
  return dayjs().add(11, "minute").startOf("minute");
}

interface Props {
  value: When;
  /** The server refuses the cron expression. */
  wrong: boolean;
  onChange: (when: When) => void;
}

/** When a task is due: by a preset, by cron, or once. Presets and cron are the same expression seen twice. */
export function WhenFields({ value, wrong, onChange }: Props) {
  const { t } = useTranslation();
  const preset = value.kind === "cron" ? fromCron(value.cron) : null;
  const [typed, setTyped] = useState(value.kind === "cron" && !preset);
  const [zone, setZone] = useState(value.kind === "cron" ? value.zone : OWN_ZONE);
  const mode = value.kind === "once" ? "once" : typed || !preset ? "cron" : "preset";
  const setMode = (next: string) => {
    setTyped(next === "cron");
    if (next === "once") onChange({ kind: "once", at: inTenMinutes() });
    else
      onChange({
        kind: "cron",
        cron: value.kind === "cron" && (next === "cron" || preset) ? value.cron : "0 9 * * 1-5",
        zone,
      });
  };
  const setCron = (cron: string) => onChange({ kind: "cron", cron, zone });
  const mended = value.kind === "cron" ? withoutSeconds(value.cron) : null;
  const soon: [string, Dayjs][] = [
    [t("tasks.in10"), inTenMinutes()],
    [t("tasks.tonight"), dayjs().hour(22).startOf("hour")],
    [t("tasks.tomorrow"), dayjs().add(1, "day").hour(9).startOf("hour")],
  ];
  return (
    <div className="stack" style={{ gap: 8 }}>
      <Segmented
        aria-label={t("tasks.when")}
        value={mode}
        style={{ alignSelf: "start" }}
        options={[
          { value: "preset", label: t("tasks.recurring") },
          { value: "once", label: t("tasks.once") },
          { value: "cron", label: t("tasks.cron") },
        ]}
        onChange={setMode}
      />
      {value.kind === "once" ? (
        <>
          <div className="actions">
            <DatePicker
              showTime
              aria-label={t("tasks.when")}
              value={value.at}
              allowClear={false}
              onChange={(at) => at && onChange({ kind: "once", at })}
            />
            <span className="faint">{OWN_ZONE}</span>
          </div>
          <div className="actions">
            {soon
              .filter(([, at]) => at.isAfter(dayjs()))
              .map(([label, at]) => (
                <Button key={label} onClick={() => onChange({ kind: "once", at })}>
                  {label}
                </Button>
              ))}
          </div>
        </>
      ) : (
        <div className="actions">
          {mode === "preset" && preset ? (
            <PresetFields preset={preset} onChange={(next) => setCron(toCron(next))} />
          ) : (
            <Input
              className="mono"
              aria-label={t("tasks.cron")}
              aria-invalid={wrong}
              status={wrong ? "error" : undefined}
              value={value.cron}
              style={{ width: 200 }}
              onChange={(event) => setCron(event.target.value)}
            />
          )}
          <Select
            showSearch
            aria-label={t("tasks.zone")}
            prefix={<span className="faint">{t("tasks.zone")}</span>}
            style={{ width: 260 }}
            value={zone}
            options={[...new Set([zone, ...ZONES, "UTC"])].map((one) => ({ value: one, label: one }))}
            onChange={(next) => {
              setZone(next);
              onChange({ ...value, zone: next });
            }}
          />
        </div>
      )}
      {mode === "cron" && (
        <span className="faint small">
          {t("tasks.cronHint")} <code className="mono nowrap">0 9 * * 1-5</code>
        </span>
      )}
      {mended && (
        <Button style={{ alignSelf: "start" }} onClick={() => setCron(mended)}>
          {t("tasks.dropSeconds")} <code className="mono">{mended}</code>
        </Button>
      )}
    </div>
  );
}

function PresetFields({ preset, onChange }: { preset: Preset; onChange: (preset: Preset) => void }) {
  const { t } = useTranslation();
  const time = "time" in preset ? preset.time : "09:00";
  const first: Record<Preset["every"], Preset> = {
    minutes: { every: "minutes", minutes: 10 },
    hour: { every: "hour", minute: 0 },
    day: { every: "day", time },
    weekday: { every: "weekday", time },
    week: { every: "week", days: [1], time },
    month: { every: "month", day: 1, time },
  };
  return (
    <>
      <Select
        aria-label={t("tasks.every")}
        style={{ width: 140 }}
        value={preset.every}
        options={Object.keys(first).map((value) => ({ value, label: t(`recur.kind.${value}` as "recur.kind.day") }))}
        onChange={(every: Preset["every"]) => onChange(first[every])}
      />
      {preset.every === "minutes" && (
        <InputNumber
          aria-label={t("recur.kind.minutes")}
          min={1}
          max={59}
          value={preset.minutes}
          onChange={(minutes) => onChange({ ...preset, minutes: minutes ?? 10 })}
        />
      )}
      {preset.every === "hour" && (
        <InputNumber
          aria-label={t("recur.minuteOfHour")}
          prefix=":"
          min={0}
          max={59}
          value={preset.minute}
          onChange={(minute) => onChange({ ...preset, minute: minute ?? 0 })}
        />
      )}
      {preset.every === "week" && (
        <Select
          mode="multiple"
          aria-label={t("recur.kind.week")}
          style={{ minWidth: 160 }}
          value={preset.days}
          options={[1, 2, 3, 4, 5, 6, 0].map((value) => ({
            value,
            label: t(`recur.weekday.${value}` as "recur.weekday.0"),
          }))}
          onChange={(days) => onChange({ ...preset, days: days.length ? days : [1] })}
        />
      )}
      {preset.every === "month" && (
        <InputNumber
          aria-label={t("recur.kind.month")}
          min={1}
          max={31}
          value={preset.day}
          onChange={(day) => onChange({ ...preset, day: day ?? 1 })}
        />
      )}
      {"time" in preset && (
        <TimePicker
          aria-label={t("recur.time")}
          format="HH:mm"
          allowClear={false}
          value={dayjs(`2000-01-01T${preset.time}`)}
          onChange={(at) => at && onChange({ ...preset, time: at.format("HH:mm") })}
        />
      )}
    </>
  );
}
