import { Button, Input } from "antd";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";

type Pair = [string, string];

export interface FieldProps {
  value: string;
  label: string;
  placeholder: string;
  readOnly?: boolean;
  onChange: (value: string) => void;
}

interface Props {
  label: string;
  pairs: Pair[];
  onChange: (pairs: Pair[]) => void;
  readOnly?: boolean;
  separator?: string;
  /** Draws the field of a value, where it is more than plain text. */
  field?: (props: FieldProps) => ReactNode;
}

/** Names and values in rows, or as text of `name: value` lines; pasting such lines fills the rows. */
export function KeyValue({ label, pairs, onChange, readOnly, separator = ": ", field = plain }: Props) {
  const { t } = useTranslation();
  const [asText, setAsText] = useState(false);
  const rows: Pair[] = readOnly ? pairs : [...pairs, ["", ""]];
  const set = (index: number, column: 0 | 1, value: string) => {
    const next = rows.map(
      (pair, at): Pair => (at === index ? (column === 0 ? [value, pair[1]] : [pair[0], value]) : pair),
    );
    onChange(next.filter(([name, text], at) => name !== "" || text !== "" || at < pairs.length));
  };
  const parse = (text: string): Pair[] =>
    text
      .split(/\r?\n/)
      .filter((line) => line.trim())
      .map((line): Pair => {
        const at = line.indexOf(separator.trim());
        return at < 0 ? [line.trim(), ""] : [line.slice(0, at).trim(), line.slice(at + 1).trim()];
      });
  if (asText) {
    return (
      <div>
        <Input.TextArea
          aria-label={label}
          className="mono"
          autoSize={{ minRows: 3, maxRows: 14 }}
          defaultValue={pairs.map(([name, value]) => `${name}${separator}${value}`).join("\n")}
          onBlur={(event) => onChange(parse(event.target.value))}
        />
        <button type="button" className="link" onClick={() => setAsText(false)}>
          {t("keyValue.rows")}
        </button>
      </div>
    );
  }
  return (
    <div role="group" aria-label={label}>
      {rows.map(([name, value], index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: rows have no identity but their place
        <div key={index} className="pair">
          <Input
            value={name}
            readOnly={readOnly}
            placeholder={t("keyValue.name")}
            aria-label={`${label} ${index + 1} ${t("keyValue.name")}`}
            onChange={(event) => set(index, 0, event.target.value)}
            onPaste={(event) => {
              const text = event.clipboardData.getData("text");
              if (!text.includes("\n")) return;
              event.preventDefault();
              onChange([...pairs, ...parse(text)]);
            }}
          />
          {field({
            value,
            readOnly,
            placeholder: t("keyValue.value"),
            label: `${label} ${index + 1} ${t("keyValue.value")}`,
            onChange: (text) => set(index, 1, text),
          })}
          {!readOnly && (
            <Button
              type="text"
              disabled={index >= pairs.length}
              aria-label={t("action.removeRow", { number: index + 1 })}
              onClick={() => onChange(pairs.filter((_, at) => at !== index))}
            >
              ✕
            </Button>
          )}
        </div>
      ))}
      {!readOnly && (
        <button type="button" className="link small" onClick={() => setAsText(true)}>
          {t("keyValue.text")}
        </button>
      )}
    </div>
  );
}

function plain({ label, onChange, ...props }: FieldProps) {
  return <Input className="mono" aria-label={label} {...props} onChange={(event) => onChange(event.target.value)} />;
}
