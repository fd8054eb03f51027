import { Segmented } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Pairs, Request } from "~/api/types";
import { parseJson, writeJson } from "~/lib/json";
import { Code } from "~/ui/Code";
import { KeyValue } from "~/ui/KeyValue";
import { useNames } from "./names";
import { TemplateInput } from "./TemplateInput";
import { asPairs, fromPairs } from "./tree";

type Body = Request["body"];

const FIRST: Record<string, NonNullable<Body>> = {
  json: { json: {} },
  text: { text: "" },
  form: { form: {} },
  multipart: { multipart: [{ name: "file", text: "" }] },
  graphql: { graphql: { query: "" } },
};

/** The body of a request: none, JSON, text, a form; the rarer kinds as JSON of their own. */
export function BodyEditor({
  body,
  onChange,
  readOnly,
}: {
  body: Body;
  onChange: (body: Body) => void;
  readOnly?: boolean;
}) {
  const { t } = useTranslation();
  const { known, unknown } = useNames();
  const kind = body ? (Object.keys(body)[0] as string) : "none";
  const value = body?.[kind];
  return (
    <div className="stack" style={{ gap: 8 }}>
      <Segmented
        aria-label={t("steps.body")}
        disabled={readOnly}
        value={kind}
        options={["none", ...Object.keys(FIRST)].map((one) => ({
          value: one,
          label: one === "none" ? t("steps.noBody") : one,
        }))}
        onChange={(next) => onChange(FIRST[next])}
      />
      {kind === "form" && (
        <KeyValue
          label="form"
          field={(props) => <TemplateInput {...props} />}
          separator="="
          pairs={asPairs(value as Pairs)}
          readOnly={readOnly}
          onChange={(pairs) => onChange({ form: fromPairs(pairs) ?? {} })}
        />
      )}
      {kind === "text" && (
        <Code
          key="text"
          language="text"
          label={t("steps.body")}
          names={known}
          unknown={unknown}
          value={String(value)}
          onChange={readOnly ? undefined : (text) => onChange({ text })}
        />
      )}
      {["json", "multipart", "graphql"].includes(kind) && (
        <JsonValue
          key={kind}
          label={t("steps.body")}
          value={value}
          onChange={readOnly ? undefined : (next) => onChange({ [kind]: next })}
        />
      )}
    </div>
  );
}

/** A JSON value as text; what does not parse is kept here and told, the last good value stays. */
export function JsonValue({
  value,
  label,
  onChange,
}: {
  value: unknown;
  label: string;
  onChange?: (value: never) => void;
}) {
  const { t } = useTranslation();
  const { known, unknown } = useNames();
  const [text, setText] = useState(() => writeJson(value, 2));
  const [wrong, setWrong] = useState<string | null>(null);
  return (
    <>
      <Code
        label={label}
        names={known}
        unknown={unknown}
        value={text}
        onChange={
          onChange &&
          ((next) => {
            setText(next);
            try {
              onChange(parseJson(next) as never);
              setWrong(null);
            } catch (error) {
              setWrong((error as Error).message);
            }
          })
        }
      />
      {wrong && (
        <p role="alert" className="bad small">
          {t("steps.noJson")}: {wrong}
        </p>
      )}
    </>
  );
}
