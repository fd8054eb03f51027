import type { TFunction } from "i18next";
import { fromCron } from "~/lib/cron";

/** A cron expression in words where a preset means it, else as it stands. */
export function recurrence(cron: string, t: TFunction): string {
  const preset = fromCron(cron);
  if (!preset) return cron;
  if (preset.every === "minutes") return t("recur.everyMinutes", { count: preset.minutes });
  if (preset.every === "hour") return t("recur.everyHour", { minute: String(preset.minute).padStart(2, "0") });
  if (preset.every === "day") return t("recur.everyDay", { time: preset.time });
  if (preset.every === "weekday") return t("recur.everyWeekday", { time: preset.time });
  if (preset.every === "week") {
    const days = preset.days.map((day) => t(`recur.weekday.${day}` as "recur.weekday.0")).join(t("recur.comma"));
    return t("recur.everyWeek", { days, time: preset.time });
  }
  return t("recur.everyMonth", { day: preset.day, time: preset.time });
}
