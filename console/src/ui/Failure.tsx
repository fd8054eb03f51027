import { Alert, Button } from "antd";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError } from "~/api/client";

interface Props {
  error: unknown;
  retry?: () => void;
  /** Each fault is told at its field. */
  atFields?: boolean;
}

/** What went wrong, with its code and request id; counts down where the server asked to wait, then retries, once. */
export function Failure({ error, retry, atFields }: Props) {
  const { t } = useTranslation();
  const api = error instanceof ApiError ? error : null;
  const [left, setLeft] = useState(api?.retryAfter ?? 0);
  const tried = useRef(false);
  useEffect(() => setLeft(api?.retryAfter ?? 0), [api]);
  useEffect(() => {
    if (left <= 0) return;
    const timer = setTimeout(() => {
      setLeft(left - 1);
      if (left > 1 || tried.current) return;
      tried.current = true;
      retry?.();
    }, 1000);
    return () => clearTimeout(timer);
  }, [left, retry]);
  const details = api && [
    t("error.code", { code: api.code }),
    ...(api.requestId ? [t("error.request", { id: api.requestId })] : []),
  ];
  if (atFields) return <Alert type="error" showIcon role="alert" title={t("error.atFields")} />;
  const faults = api?.errors.map((fault) => `${fault.field}: ${fault.msg ?? fault.reason}`) ?? [];
  return (
    <Alert
      type="error"
      showIcon
      role="alert"
      title={error instanceof Error ? error.message : String(error)}
      description={
        <>
          {faults.map((fault) => (
            <div key={fault}>{fault}</div>
          ))}
          {api && api.status >= 500 && <div>{t(api.requestId ? "error.serverRequest" : "error.server")}</div>}
          {details && <div className="faint small">{details.join(" · ")}</div>}
          {retry && (
            <Button className="retry" onClick={retry}>
              {left > 0 ? t("error.retryIn", { seconds: left }) : t("action.retry")}
            </Button>
          )}
        </>
      }
    />
  );
}
