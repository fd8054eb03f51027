import { InputNumber, Select } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Document } from "~/api/types";
import { JsonValue } from "~/features/steps/BodyEditor";
import { pairVariables, variablePairs } from "~/features/steps/ValueInput";
import type { Json } from "~/lib/json";
import { KeyValue } from "~/ui/KeyValue";
import { DataGrid } from "./DataGrid";

/** What a case has beside its steps: variables, data rows, options. */
export function SettingsTab({
  document,
  setDocument,
}: {
  document: Document;
  setDocument?: (document: Document) => void;
}) {
  const { t } = useTranslation();
  const options = document.options ?? {};
  const put = (change: Record<string, Json | undefined>) => {
    const next = Object.fromEntries(
      Object.entries({ ...options, ...change }).filter(([, value]) => value !== undefined),
    ) as Record<string, Json>;
    setDocument?.({ ...document, options: Object.keys(next).length ? next : undefined });
  };
  const [asJson, setAsJson] = useState(false);
  const data = document.data ?? [];
  const putData = (rows: Record<string, Json>[]) =>
    setDocument?.({ ...document, data: rows.length ? rows : undefined });
  return (
    <div className="stack">
      <section>
        <h3>{t("steps.options")}</h3>
        <div className="filters" style={{ margin: 0 }}>
          <InputNumber
            prefix={<span className="faint">{t("cases.timeout")}</span>}
            suffix={t("common.seconds")}
            aria-label={t("cases.timeout")}
            min={0.001}
            max={21_600}
            placeholder="600"
            style={{ width: 280 }}
            readOnly={!setDocument}
            value={options.timeout_ms === undefined ? undefined : Number(options.timeout_ms) / 1000}
            onChange={(seconds) => put({ timeout_ms: seconds ? Math.round(seconds * 1000) : undefined })}
          />
          <Select
            aria-label={t("cases.failedStop")}
            style={{ minWidth: 280 }}
            disabled={!setDocument}
            value={options.failed_stop === undefined ? "task" : options.failed_stop ? "yes" : "no"}
            options={[
              { value: "task", label: t("cases.failedStopTask") },
              { value: "yes", label: t("cases.failedStop") },
              { value: "no", label: t("cases.failedGoOn") },
            ]}
            onChange={(choice) => put({ failed_stop: choice === "task" ? undefined : choice === "yes" })}
          />
        </div>
      </section>
      <section>
        <h3>{t("cases.variables")}</h3>
        <KeyValue
          label={t("cases.variables")}
          separator="="
          readOnly={!setDocument}
          pairs={variablePairs(document.variables)}
          onChange={(pairs) =>
            setDocument?.({ ...document, variables: pairs.length ? pairVariables(pairs) : undefined })
          }
        />
      </section>
      <section>
        <div className="actions" style={{ marginBottom: 8 }}>
          <h3 style={{ margin: 0 }}>{t("cases.data")}</h3>
          <button type="button" className="link small" onClick={() => setAsJson(!asJson)}>
            {asJson ? t("keyValue.rows") : t("cases.asJson")}
          </button>
        </div>
        {asJson ? (
          <JsonValue label={t("cases.data")} value={data} onChange={setDocument && putData} />
        ) : (
          <DataGrid rows={data} onChange={setDocument && putData} />
        )}
        <p className="faint small">{t("cases.dataHint")}</p>
      </section>
    </div>
  );
}
