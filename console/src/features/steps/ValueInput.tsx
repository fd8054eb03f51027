import { useEffect, useState } from "react";
import { type Json, parseJson, sameJson, writeJson } from "~/lib/json";
import { TemplateInput } from "./TemplateInput";

/** Text as a JSON value: `200` is a number, `"200"` and plain words are text. */
export function readValue(text: string): Json {
  try {
    return parseJson(text);
  } catch {
    return text;
  }
}

const NO_TEXT = /^[[{"\d-]|^(true|false|null)$/;

/** Variables as pairs of texts: what is no text, or would be read as something else, is written as JSON. */
export function variablePairs(variables: Record<string, Json> | undefined): [string, string][] {
  return Object.entries(variables ?? {}).map(([name, value]) => {
    const plain = typeof value === "string" && (!NO_TEXT.test(value) || readValue(value) === value);
    return [name, plain ? value : writeJson(value)];
  });
}

/** The way back: what looks like a number, a list, an object, true, false or null is one. */
export function pairVariables(pairs: [string, string][]): Record<string, Json> {
  return Object.fromEntries(
    pairs.map(([name, text]): [string, Json] => [name, NO_TEXT.test(text) ? readValue(text) : text]),
  );
}

interface Props {
  value: Json | undefined;
  label: string;
  onChange: (value: Json) => void;
  readOnly?: boolean;
}

/** A JSON value in one line; what is no JSON is taken as text, and shown in quotes when the field is left. */
export function ValueInput({ value, label, onChange, readOnly }: Props) {
  const written = value === undefined ? "" : writeJson(value);
  const [text, setText] = useState(written);
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is typed follows the value only where it differs
  useEffect(() => {
    if (!sameJson(readValue(text), value)) setText(written);
  }, [written]);
  return (
    <TemplateInput
      label={label}
      value={text}
      readOnly={readOnly}
      onChange={(next) => {
        setText(next);
        onChange(readValue(next));
      }}
      onBlur={() => setText(written)}
    />
  );
}
