import { Input } from "antd";
import { useEffect, useState } from "react";
import { type Json, parseJson, writeJson } from "~/lib/json";

/** Text as a JSON value: `200` is a number, `"200"` and plain words are text. */
export function readValue(text: string): Json {
  try {
    return parseJson(text);
  } catch {
    return text;
  }
}

interface Props {
  value: Json | undefined;
  label: string;
  onChange: (value: Json) => void;
  readOnly?: boolean;
}

/** A JSON value in one line; what is no JSON is taken as text when the field is left. */
export function ValueInput({ value, label, onChange, readOnly }: Props) {
  const written = value === undefined ? "" : writeJson(value);
  const [text, setText] = useState(written);
  useEffect(() => setText(written), [written]);
  return (
    <Input
      className="mono"
      aria-label={label}
      value={text}
      readOnly={readOnly}
      onChange={(event) => setText(event.target.value)}
      onBlur={() => {
        if (text !== written) onChange(readValue(text));
        setText(writeJson(readValue(text)));
      }}
    />
  );
}
