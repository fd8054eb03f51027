export type Preset =
  | { every: "minutes"; minutes: number }
  | { every: "hour"; minute: number }
  | { every: "day"; time: string }
  | { every: "weekday"; time: string }
  | { every: "week"; days: number[]; time: string }
  | { every: "month"; day: number; time: string };

const time = (hour: string, minute: string) => `${hour.padStart(2, "0")}:${minute.padStart(2, "0")}`;

/** A preset as a cron expression of five fields. */
export function toCron(preset: Preset): string {
  if (preset.every === "minutes") return `*/${preset.minutes} * * * *`;
  if (preset.every === "hour") return `${preset.minute} * * * *`;
  const [hour, minute] = preset.time.split(":").map(Number);
  const at = `${minute} ${hour}`;
  if (preset.every === "day") return `${at} * * *`;
  if (preset.every === "weekday") return `${at} * * 1-5`;
  if (preset.every === "week") return `${at} * * ${[...preset.days].sort().join(",")}`;
  return `${at} ${preset.day} * *`;
}

/** The preset that means exactly this expression; null: none does, it stays cron. */
export function fromCron(cron: string): Preset | null {
  const [minute, hour, day, month, week, ...more] = cron.trim().split(/\s+/) as [
    string,
    string,
    string,
    string,
    string,
  ];
  if (more.length || week === undefined || month !== "*") return null;
  const number = (text: string, max: number) => /^\d{1,2}$/.test(text) && Number(text) <= max;
  if (hour === "*" && day === "*" && week === "*") {
    const every = /^\*\/(\d{1,2})$/.exec(minute);
    if (every && Number(every[1]) > 0 && Number(every[1]) < 60) return { every: "minutes", minutes: Number(every[1]) };
    return number(minute, 59) ? { every: "hour", minute: Number(minute) } : null;
  }
  if (!number(minute, 59) || !number(hour, 23)) return null;
  if (day === "*" && week === "*") return { every: "day", time: time(hour, minute) };
  if (day === "*" && week === "1-5") return { every: "weekday", time: time(hour, minute) };
  if (day === "*" && /^[0-6](,[0-6])*$/.test(week)) {
    const days = week.split(",").map(Number);
    return new Set(days).size === days.length ? { every: "week", days, time: time(hour, minute) } : null;
  }
  if (week === "*" && number(day, 31) && Number(day) > 0)
    return { every: "month", day: Number(day), time: time(hour, minute) };
  return null;
}

/** What a Quartz or seconds-first habit wrote, as five fields; null: nothing to mend. */
export function withoutSeconds(cron: string): string | null {
  const fields = cron.trim().split(/\s+/);
  if (fields.length !== 6 && fields.length !== 7 && !fields.includes("?")) return null;
  const five = fields.length > 5 ? fields.slice(1, 6) : fields;
  return five.map((field) => (field === "?" ? "*" : field)).join(" ");
}
