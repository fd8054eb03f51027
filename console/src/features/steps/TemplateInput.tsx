import { AutoComplete, Input } from "antd";
import { type ClipboardEvent, useState } from "react";
import { useNames } from "./names";

interface Props {
  value: string;
  label: string;
  onChange: (value: string) => void;
  onBlur?: () => void;
  onPaste?: (event: ClipboardEvent<HTMLInputElement>) => void;
  className?: string;
  placeholder?: string;
  readOnly?: boolean;
}

/** One line of text that may hold `{{name}}`: names are offered while one is typed, unknown ones are marked. */
export function TemplateInput({ value, label, onChange, onBlur, onPaste, className, placeholder, readOnly }: Props) {
  const { known, unknown } = useNames();
  const [caret, setCaret] = useState<number | null>(null);
  const typed = caret === null ? null : /\{\{\s*([$\p{L}\p{N}_.-]*)$/u.exec(value.slice(0, caret));
  const part = typed?.[1]?.toLowerCase() ?? "";
  const offered =
    typed && caret !== null
      ? known
          .filter((name) => name.toLowerCase().includes(part) && name.toLowerCase() !== part)
          .slice(0, 12)
          .map((name) => {
            const rest = value.slice(caret).replace(/^\s*\}\}/, "");
            return { value: `${value.slice(0, caret - part.length)}${name}}}${rest}`, label: name };
          })
      : [];
  const field = (
    <Input
      className={`mono ${className ?? ""}`}
      aria-label={label}
      placeholder={placeholder}
      value={value}
      readOnly={readOnly}
      status={!readOnly && unknown(value).length ? "warning" : undefined}
      onPaste={onPaste}
      {...(readOnly && { onChange: undefined })}
    />
  );
  if (readOnly) return field;
  return (
    <AutoComplete
      className={className}
      style={{ width: "100%" }}
      popupMatchSelectWidth={false}
      value={value}
      options={offered}
      open={offered.length > 0}
      defaultActiveFirstOption
      onChange={(next: string) => onChange(next ?? "")}
      onSelect={() => setCaret(null)}
      onInputKeyDown={(event) => event.key === "Escape" && setCaret(null)}
      onKeyUp={(event) => {
        const at = (event.target as HTMLInputElement).selectionStart;
        if (!["Enter", "Escape", "ArrowUp", "ArrowDown", "Tab"].includes(event.key)) setCaret(at);
      }}
      onBlur={() => {
        setCaret(null);
        onBlur?.();
      }}
    >
      {field}
    </AutoComplete>
  );
}
