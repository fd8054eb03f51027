import { Button, Input, InputNumber, Select, Switch, Tabs } from "antd";
import { useTranslation } from "react-i18next";
import type { Request, Step, StepResult } from "~/api/types";
import type { Json } from "~/lib/json";
import { type FieldProps, KeyValue } from "~/ui/KeyValue";
import { RemoveButton } from "~/ui/RemoveButton";
import { Asserts, Captures } from "./Asserts";
import { BodyEditor } from "./BodyEditor";
import { CallFields } from "./CallFields";
import { ConditionFields, HOLDS } from "./ConditionFields";
import { GroupFields } from "./GroupFields";
import { StepJson } from "./StepJson";
import { TemplateInput } from "./TemplateInput";
import { asPairs, fromPairs, tidy } from "./tree";
import { pairVariables, variablePairs } from "./ValueInput";
import { METHODS } from "./words";

interface Props {
  step: Step;
  onChange: (step: Step) => void;
  /** The last answer: judged assertions stand beside their rows. */
  result?: StepResult;
  readOnly?: boolean;
  /** Text that begins with `curl ` was pasted into the URL. */
  onCurl?: (text: string) => void;
}

/** One step, whatever its type; rarer types are edited as JSON. */
export function StepEditor({ step, onChange, result, readOnly, onCurl }: Props) {
  const { t } = useTranslation();
  const set = (change: Partial<Step>) => onChange(tidy({ ...step, ...change }));
  return (
    <div className="stack">
      <div className="request-line">
        <Input
          className="url step-name"
          aria-label={t("steps.stepName")}
          placeholder={t("steps.stepName")}
          value={step.name ?? ""}
          readOnly={readOnly}
          onChange={(event) => set({ name: event.target.value || undefined })}
        />
        <Switch
          aria-label={t("steps.enabled")}
          checkedChildren={t("steps.enabled")}
          unCheckedChildren={t("status.disabled")}
          checked={step.enabled ?? true}
          disabled={readOnly}
          onChange={(on) => set({ enabled: on ? undefined : false })}
          style={{ alignSelf: "center" }}
        />
        {!step.when && !readOnly && (
          <Button onClick={() => set({ when: HOLDS })} title={t("steps.whenHint")}>
            + {t("steps.when")}
          </Button>
        )}
      </div>
      {step.when && (
        <div className="request-line" style={{ alignItems: "center" }}>
          <span className="nowrap" title={t("steps.whenHint")}>
            {t("steps.when")}
          </span>
          <ConditionFields
            label={t("steps.when")}
            condition={step.when}
            readOnly={readOnly}
            onChange={(when) => set({ when })}
          />
          {!readOnly && <RemoveButton what={t("steps.when")} onClick={() => set({ when: undefined })} />}
        </div>
      )}
      {step.type === "request" && (
        <RequestParts step={step} set={set} result={result} readOnly={readOnly} onCurl={onCurl} />
      )}
      {step.type === "wait" && (
        <div>
          {t("steps.waitFor")}{" "}
          <InputNumber
            aria-label={t("steps.waitFor")}
            min={0}
            max={600_000}
            value={step.duration_ms}
            readOnly={readOnly}
            suffix="ms"
            style={{ width: 160 }}
            onChange={(duration) => set({ duration_ms: duration ?? 0 })}
          />
        </div>
      )}
      {step.type === "set" && (
        <KeyValue
          label={t("steps.variables")}
          field={templateField}
          readOnly={readOnly}
          pairs={variablePairs(step.variables)}
          onChange={(pairs) => set({ variables: pairVariables(pairs) })}
        />
      )}
      {step.type === "call" && <CallFields step={step} set={set} readOnly={readOnly} />}
      {step.type === "group" && <GroupFields step={step} set={set} readOnly={readOnly} />}
      {!["request", "wait", "set", "call", "group"].includes(step.type) && (
        <StepJson step={step} onChange={readOnly ? undefined : onChange} />
      )}
    </div>
  );
}

interface PartsProps {
  step: Step;
  set: (change: Partial<Step>) => void;
  result?: StepResult;
  readOnly?: boolean;
  onCurl?: (text: string) => void;
}

function RequestParts({ step, set, result, readOnly, onCurl }: PartsProps) {
  const { t } = useTranslation();
  const request: Request = step.request ?? { url: "" };
  const put = (change: Partial<Request>) =>
    set({
      request: Object.fromEntries(
        Object.entries({ ...request, ...change }).filter(([, value]) => value !== undefined),
      ) as unknown as Request,
    });
  const count = (number: number) => (number ? ` ${number}` : "");
  const headers = asPairs(request.headers);
  const query = asPairs(request.query);
  return (
    <>
      <div className="request-line">
        <Select
          aria-label={t("steps.method")}
          value={request.method ?? "GET"}
          disabled={readOnly}
          style={{ width: 110 }}
          options={METHODS.map((value) => ({ value, label: value }))}
          onChange={(method) => put({ method })}
        />
        <TemplateInput
          className="url"
          label="URL"
          placeholder="{{base_url}}/orders"
          value={request.url}
          readOnly={readOnly}
          onChange={(url) => put({ url })}
          onPaste={(event) => {
            const text = event.clipboardData.getData("text");
            if (onCurl && /^\s*curl(\.exe)?\s/i.test(text)) {
              event.preventDefault();
              onCurl(text);
            }
          }}
        />
      </div>
      <Tabs
        size="small"
        items={[
          {
            key: "asserts",
            label: t("steps.asserts") + count(step.asserts?.length ?? 0),
            children: (
              <Asserts
                asserts={step.asserts ?? []}
                results={result?.asserts}
                readOnly={readOnly}
                onChange={(asserts) => set({ asserts })}
              />
            ),
          },
          {
            key: "captures",
            label: t("steps.captures") + count(step.captures?.length ?? 0),
            children: (
              <Captures
                captures={step.captures ?? []}
                results={result?.captures}
                readOnly={readOnly}
                onChange={(captures) => set({ captures })}
              />
            ),
          },
          {
            key: "query",
            label: t("steps.queryParams") + count(query.length),
            children: (
              <KeyValue
                label={t("steps.queryParams")}
                field={templateField}
                separator="="
                pairs={query}
                readOnly={readOnly}
                onChange={(pairs) => put({ query: fromPairs(pairs) })}
              />
            ),
          },
          {
            key: "headers",
            label: t("steps.headers") + count(headers.length),
            children: (
              <KeyValue
                label={t("steps.headers")}
                field={templateField}
                pairs={headers}
                readOnly={readOnly}
                onChange={(pairs) => put({ headers: fromPairs(pairs) })}
              />
            ),
          },
          {
            key: "auth",
            label: t("steps.auth") + (request.auth ? ` ${request.auth.type}` : ""),
            children: <Auth auth={request.auth} readOnly={readOnly} onChange={(auth) => put({ auth })} />,
          },
          {
            key: "body",
            label: t("steps.body") + (request.body ? ` · ${kindOf(request.body)}` : ""),
            children: <BodyEditor body={request.body} readOnly={readOnly} onChange={(body) => put({ body })} />,
          },
          {
            key: "options",
            label: t("steps.options"),
            children: <Options step={step} set={set} readOnly={readOnly} />,
          },
        ]}
      />
    </>
  );
}

function kindOf(body: object): string {
  const [kind = ""] = Object.keys(body);
  return kind === "json" ? "JSON" : kind;
}

const templateField = (props: FieldProps) => <TemplateInput {...props} />;

const AUTH_FIELDS: Record<string, string[]> = {
  bearer: ["token"],
  basic: ["username", "password"],
  api_key: ["in", "name", "value"],
  oauth2_client_credentials: ["token_url", "client_id", "client_secret", "scope"],
};

function Auth({
  auth,
  onChange,
  readOnly,
}: {
  auth: Request["auth"];
  onChange: (auth: Request["auth"]) => void;
  readOnly?: boolean;
}) {
  const { t } = useTranslation();
  const fields = AUTH_FIELDS[auth?.type ?? ""] ?? [];
  return (
    <div className="stack" style={{ gap: 8, maxWidth: 520 }}>
      <Select
        aria-label={t("steps.auth")}
        value={auth?.type ?? ""}
        disabled={readOnly}
        options={[
          { value: "", label: t("steps.noAuth") },
          ...Object.keys(AUTH_FIELDS).map((value) => ({ value, label: value })),
        ]}
        onChange={(type) =>
          onChange(
            type
              ? {
                  type,
                  ...Object.fromEntries(
                    (AUTH_FIELDS[type] ?? [])
                      .filter((name) => name !== "scope")
                      .map((name) => [name, name === "in" ? "header" : ""]),
                  ),
                }
              : undefined,
          )
        }
      />
      {auth &&
        fields.map((name) =>
          name === "in" ? (
            <Select
              key={name}
              aria-label="in"
              value={String(auth.in)}
              disabled={readOnly}
              options={["header", "query"].map((value) => ({ value, label: value }))}
              onChange={(value) => onChange({ ...auth, in: value })}
            />
          ) : (
            <div key={name} className="named">
              <span className="faint small">{name}</span>
              <TemplateInput
                label={name}
                value={String(auth[name] ?? "")}
                readOnly={readOnly}
                placeholder={`{{${name}}}`}
                onChange={(value) => onChange({ ...auth, [name]: value })}
              />
            </div>
          ),
        )}
    </div>
  );
}

function Options({ step, set, readOnly }: { step: Step; set: (change: Partial<Step>) => void; readOnly?: boolean }) {
  const { t } = useTranslation();
  const options = step.options ?? {};
  const retry = (options.retry ?? {}) as Record<string, number>;
  const put = (change: Record<string, Json | undefined>) => {
    const next = Object.fromEntries(
      Object.entries({ ...options, ...change }).filter(([, value]) => value !== undefined && value !== null),
    ) as Record<string, Json>;
    set({ options: Object.keys(next).length ? next : undefined });
  };
  return (
    <div className="filters">
      <InputNumber
        prefix={t("steps.timeout")}
        suffix="ms"
        min={1}
        max={600_000}
        readOnly={readOnly}
        placeholder="10000"
        style={{ width: 220 }}
        value={options.timeout_ms as number | undefined}
        onChange={(value) => put({ timeout_ms: value ?? undefined })}
      />
      <InputNumber
        prefix={t("steps.retries")}
        min={0}
        max={100}
        readOnly={readOnly}
        placeholder="0"
        style={{ width: 150 }}
        value={retry.max}
        onChange={(max) => put({ retry: max ? { ...retry, max } : undefined })}
      />
      <InputNumber
        prefix={t("steps.interval")}
        suffix="ms"
        min={0}
        disabled={!retry.max}
        readOnly={readOnly}
        placeholder="1000"
        style={{ width: 200 }}
        value={retry.interval_ms}
        onChange={(interval) => put({ retry: { ...retry, interval_ms: interval ?? 1000 } })}
      />
      <Select
        aria-label={t("steps.redirects")}
        disabled={readOnly}
        value={options.follow_redirects !== false}
        options={[
          { value: true, label: t("steps.follow") },
          { value: false, label: t("steps.dontFollow") },
        ]}
        onChange={(follow) => put({ follow_redirects: follow ? undefined : false })}
      />
      <Select
        aria-label="TLS"
        disabled={readOnly}
        value={options.verify_tls === undefined ? "env" : options.verify_tls ? "yes" : "no"}
        options={[
          { value: "env", label: t("steps.tlsEnvironment") },
          { value: "yes", label: t("steps.tlsYes") },
          { value: "no", label: t("steps.tlsNo") },
        ]}
        onChange={(choice) => put({ verify_tls: choice === "env" ? undefined : choice === "yes" })}
      />
    </div>
  );
}
