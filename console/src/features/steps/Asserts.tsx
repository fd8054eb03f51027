import { Button, Checkbox, Input, Select } from "antd";
import { useTranslation } from "react-i18next";
import type { Assert, AssertResult, Capture } from "~/api/types";
import { Value } from "~/ui/Mono";
import { RemoveButton } from "~/ui/RemoveButton";
import { Status } from "~/ui/Status";
import { ValueInput } from "./ValueInput";
import { PREDICATES, QUERIES, takesValue, WITHOUT_EXPR } from "./words";
import "./steps.css";

interface AssertsProps {
  asserts: Assert[];
  /** The last judgement of each, in the same order. */
  results?: AssertResult[];
  readOnly?: boolean;
  onChange: (asserts: Assert[]) => void;
}

const options = (words: string[]) => words.map((value) => ({ value, label: value }));

/** Assertions as rows: query, expression, predicate, value, and the last result beside them. */
export function Asserts({ asserts, results, readOnly, onChange }: AssertsProps) {
  const { t } = useTranslation();
  const set = (index: number, change: Partial<Assert>) =>
    onChange(asserts.map((one, at) => (at === index ? { ...one, ...change } : one)));
  return (
    <div className="stack" style={{ gap: 8 }}>
      {asserts.map((one, index) => {
        const result = results?.[index];
        const label = `${t("steps.assert")} ${index + 1}`;
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: assertions have no identity but their place
          <div key={index} className="assert-row">
            <Select
              aria-label={`${label} ${t("steps.query")}`}
              value={one.query.type}
              disabled={readOnly}
              options={options(QUERIES)}
              onChange={(type) =>
                set(index, {
                  query: WITHOUT_EXPR.has(type)
                    ? { type }
                    : { type, expr: one.query.expr ?? (type === "jsonpath" ? "$." : "") },
                })
              }
            />
            {WITHOUT_EXPR.has(one.query.type) ? (
              <span />
            ) : (
              <Input
                className="mono"
                aria-label={`${label} ${t("steps.expression")}`}
                value={one.query.expr ?? ""}
                readOnly={readOnly}
                onChange={(event) => set(index, { query: { ...one.query, expr: event.target.value } })}
              />
            )}
            <Checkbox
              disabled={readOnly}
              checked={one.not ?? false}
              onChange={(event) => set(index, { not: event.target.checked || undefined })}
            >
              {t("steps.not")}
            </Checkbox>
            <Select
              aria-label={`${label} ${t("steps.predicate")}`}
              value={one.predicate}
              disabled={readOnly}
              showSearch
              options={options(PREDICATES)}
              onChange={(predicate) => {
                const { value, ...rest } = one;
                onChange(
                  asserts.map((old, at) =>
                    at === index ? { ...rest, predicate, ...(takesValue(predicate) && { value: value ?? "" }) } : old,
                  ),
                );
              }}
            />
            {takesValue(one.predicate) ? (
              <ValueInput
                label={`${label} ${t("steps.value")}`}
                value={one.value}
                readOnly={readOnly}
                onChange={(value) => set(index, { value })}
              />
            ) : (
              <span />
            )}
            <span className="assert-result">
              {result && (
                <>
                  <Status status={result.passed ? "passed" : "failed"} iconOnly />
                  {!result.passed && <Value value={result.actual} limit={60} />}
                </>
              )}
            </span>
            {!readOnly && (
              <RemoveButton what={label} onClick={() => onChange(asserts.filter((_, at) => at !== index))} />
            )}
          </div>
        );
      })}
      {!readOnly && (
        <Button
          type="dashed"
          onClick={() =>
            onChange([
              ...asserts,
              asserts.length
                ? { query: { type: "jsonpath", expr: "$." }, predicate: "==", value: "" }
                : { query: { type: "status" }, predicate: "==", value: 200 },
            ])
          }
        >
          + {t("steps.assert")}
        </Button>
      )}
    </div>
  );
}

interface CapturesProps {
  captures: Capture[];
  results?: { name: string; value: unknown; found: boolean; error: string | null }[];
  readOnly?: boolean;
  onChange: (captures: Capture[]) => void;
}

/** What the step keeps of its answer, as rows: name, query, expression. */
export function Captures({ captures, results, readOnly, onChange }: CapturesProps) {
  const { t } = useTranslation();
  const set = (index: number, change: Partial<Capture>) =>
    onChange(captures.map((one, at) => (at === index ? { ...one, ...change } : one)));
  return (
    <div className="stack" style={{ gap: 8 }}>
      {captures.map((one, index) => {
        const result = results?.find((found) => found.name === one.name);
        const label = `${t("steps.capture")} ${index + 1}`;
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: captures have no identity but their place
          <div key={index} className="capture-row">
            <Input
              className="mono"
              aria-label={`${label} ${t("steps.name")}`}
              value={one.name}
              readOnly={readOnly}
              onChange={(event) => set(index, { name: event.target.value })}
            />
            <Select
              aria-label={`${label} ${t("steps.query")}`}
              value={one.query.type}
              disabled={readOnly}
              options={options(QUERIES)}
              onChange={(type) =>
                set(index, { query: WITHOUT_EXPR.has(type) ? { type } : { type, expr: one.query.expr ?? "" } })
              }
            />
            <Input
              className="mono"
              aria-label={`${label} ${t("steps.expression")}`}
              disabled={WITHOUT_EXPR.has(one.query.type)}
              value={one.query.expr ?? ""}
              readOnly={readOnly}
              onChange={(event) => set(index, { query: { ...one.query, expr: event.target.value } })}
            />
            <Checkbox
              disabled={readOnly}
              checked={one.optional ?? false}
              onChange={(event) => set(index, { optional: event.target.checked || undefined })}
            >
              {t("steps.optional")}
            </Checkbox>
            <span className="assert-result">
              {result &&
                (result.found ? <Value value={result.value as string} limit={60} /> : <Status status="failed" />)}
            </span>
            {!readOnly && (
              <RemoveButton what={label} onClick={() => onChange(captures.filter((_, at) => at !== index))} />
            )}
          </div>
        );
      })}
      {!readOnly && (
        <Button
          type="dashed"
          onClick={() => onChange([...captures, { name: "", query: { type: "jsonpath", expr: "$." } }])}
        >
          + {t("steps.capture")}
        </Button>
      )}
    </div>
  );
}
