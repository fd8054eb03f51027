import { keepPreviousData, type UseQueryResult, useQuery } from "@tanstack/react-query";
import { Alert } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError, call } from "~/api/client";
import type { NextTimes } from "~/api/types";
import { relative, withOffset } from "~/lib/time";
import { Failure } from "~/ui/Failure";
import { recurrence } from "./recurrence";
import { dueText, Times } from "./Times";
import type { When } from "./WhenFields";

/** The times of a cron expression, as the server says: asked 300 ms after the last change. */
export function usePreview(when: When): UseQueryResult<NextTimes> {
  const [settled, setSettled] = useState(when);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(when), 300);
    return () => clearTimeout(timer);
  }, [when]);
  const cron = settled.kind === "cron" ? settled : null;
  return useQuery({
    queryKey: ["preview", cron?.cron, cron?.zone],
    queryFn: () =>
      call<NextTimes>("POST", "/scheduler/preview", { body: { cron: cron?.cron, timezone: cron?.zone, count: 5 } }),
    enabled: cron !== null,
    placeholderData: keepPreviousData,
    retry: false,
  });
}

/** The server's refusal of what was typed as cron. */
export function cronFault({ error }: UseQueryResult<NextTimes>): string | null {
  return error instanceof ApiError && error.status === 400 ? (error.errors[0]?.msg ?? error.message) : null;
}

/** When the task will be due. */
export function Preview({ when, preview }: { when: When; preview: UseQueryResult<NextTimes> }) {
  const { t, i18n } = useTranslation();
  if (when.kind === "once") {
    const iso = when.at.toISOString();
    return (
      <>
        <h2>{t("tasks.nextTimes")}</h2>
        <p className="num">
          {dueText(withOffset(when.at), i18n.language)} <span className="faint">{relative(iso, i18n.language)}</span>
        </p>
      </>
    );
  }
  const words = recurrence(when.cron, t);
  const fault = cronFault(preview);
  return (
    <>
      <h2>{t("tasks.nextTimes")}</h2>
      {words !== when.cron && (
        <p>
          <strong>{words}</strong>
        </p>
      )}
      {fault ? (
        <Alert type="error" showIcon title={t("tasks.cronWrong", { reason: fault })} />
      ) : preview.error ? (
        <Failure error={preview.error} retry={() => void preview.refetch()} />
      ) : (
        preview.data && <Times times={preview.data} />
      )}
    </>
  );
}
