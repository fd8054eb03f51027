import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import type { NextTimes } from "~/api/types";
import { localTime, offsetAt, relative } from "~/lib/time";
import { Failure } from "~/ui/Failure";
import { recurrence } from "./recurrence";
import { Times } from "./Times";
import type { When } from "./WhenFields";

/** When the task will be due, as the server says: asked 300 ms after the last change. */
export function Preview({ when }: { when: When }) {
  const { t, i18n } = useTranslation();
  const [settled, setSettled] = useState(when);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(when), 300);
    return () => clearTimeout(timer);
  }, [when]);
  const cron = settled.kind === "cron" ? settled : null;
  const preview = useQuery({
    queryKey: ["preview", cron?.cron, cron?.zone],
    queryFn: () =>
      call<NextTimes>("POST", "/scheduler/preview", { body: { cron: cron?.cron, timezone: cron?.zone, count: 5 } }),
    enabled: cron !== null,
    placeholderData: keepPreviousData,
    retry: false,
  });
  if (when.kind === "once") {
    const iso = when.at.toISOString();
    return (
      <>
        <h2>{t("tasks.preview")}</h2>
        <p className="num">
          {localTime(iso)} {offsetAt(iso)} <span className="faint">{relative(iso, i18n.language)}</span>
        </p>
      </>
    );
  }
  return (
    <>
      <h2>{t("tasks.preview")}</h2>
      <p>
        <strong>{recurrence(when.cron, t)}</strong> <span className="faint">({when.zone})</span>
      </p>
      {preview.error ? <Failure error={preview.error} /> : preview.data && <Times times={preview.data} />}
    </>
  );
}
