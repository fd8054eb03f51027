import { Button, Input } from "antd";
import { type ClipboardEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { readValue, ValueInput } from "~/features/steps/ValueInput";
import type { Json } from "~/lib/json";

type Row = Record<string, Json>;

interface Props {
  rows: Row[];
  onChange?: (rows: Row[]) => void;
}

const SHOWN = 50;

/** Data rows as a table, one variable a column; cells copied out of a spreadsheet can be pasted in. */
export function DataGrid({ rows, onChange }: Props) {
  const { t } = useTranslation();
  const [fresh, setFresh] = useState("");
  const [more, setMore] = useState(SHOWN);
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const set = (at: number, name: string, value: Json) =>
    onChange?.(rows.map((row, index) => (index === at ? { ...row, [name]: value } : row)));
  const rename = (from: string, to: string) => {
    if (!to || to === from || columns.includes(to)) return;
    onChange?.(
      rows.map((row) =>
        Object.fromEntries(Object.entries(row).map(([name, value]) => [name === from ? to : name, value])),
      ),
    );
  };
  const addColumn = () => {
    const name = fresh.trim();
    if (!name || columns.includes(name)) return;
    onChange?.(rows.length ? rows.map((row) => ({ ...row, [name]: "" })) : [{ [name]: "" }]);
    setFresh("");
  };
  const onPaste = (event: ClipboardEvent) => {
    const lines = event.clipboardData
      .getData("text")
      .replace(/\r?\n$/, "")
      .split(/\r?\n/);
    const [head, ...body] = lines.map((line) => line.split("\t"));
    if (!onChange || !head || (head.length < 2 && !body.length)) return;
    event.preventDefault();
    const known = head.every((name) => columns.includes(name)) || rows.length === 0;
    const names = known ? head : columns;
    const added = (known ? body : [head, ...body]).map(
      (cells): Row => Object.fromEntries(names.map((name, at) => [name, readValue(cells[at] ?? "")])),
    );
    onChange([...rows, ...added]);
  };
  return (
    <section onPaste={onPaste} aria-label={t("cases.data")}>
      <div style={{ overflowX: "auto" }}>
        <table className="grid data-grid">
          {columns.length > 0 && (
            <thead>
              <tr>
                <th>#</th>
                {columns.map((name) => (
                  <th key={name}>
                    <Input
                      className="mono"
                      variant="borderless"
                      defaultValue={name}
                      readOnly={!onChange}
                      aria-label={t("dataGrid.column", { name })}
                      onBlur={(event) => rename(name, event.target.value.trim())}
                    />
                  </th>
                ))}
                {onChange && (
                  <th>
                    <span className="sr-only">{t("common.actions")}</span>
                  </th>
                )}
              </tr>
            </thead>
          )}
          <tbody>
            {rows.slice(0, more).map((row, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: rows have no identity but their place
              <tr key={at}>
                <td className="num faint">{at + 1}</td>
                {columns.map((name) => (
                  <td key={name}>
                    <ValueInput
                      label={`${name} ${at + 1}`}
                      value={row[name]}
                      readOnly={!onChange}
                      onChange={(value) => set(at, name, value)}
                    />
                  </td>
                ))}
                {onChange && (
                  <td>
                    <Button
                      type="text"
                      aria-label={t("action.removeRow", { number: at + 1 })}
                      onClick={() => onChange(rows.filter((_, index) => index !== at))}
                    >
                      ✕
                    </Button>
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > more && (
        <button type="button" className="link" onClick={() => setMore(more + SHOWN)}>
          {t("report.moreCases", { count: rows.length - more })}
        </button>
      )}
      {onChange && (
        <div className="actions" style={{ marginTop: 8 }}>
          <Input
            style={{ width: 150 }}
            aria-label={t("dataGrid.newColumn")}
            placeholder={t("dataGrid.newColumn")}
            value={fresh}
            onChange={(event) => setFresh(event.target.value)}
            onPressEnter={(event) => !event.nativeEvent.isComposing && addColumn()}
          />
          <Button disabled={!fresh.trim()} onClick={addColumn}>
            + {t("dataGrid.addColumn")}
          </Button>
          {columns.length > 0 && (
            <Button onClick={() => onChange([...rows, Object.fromEntries(columns.map((name) => [name, ""]))])}>
              + {t("dataGrid.row")}
            </Button>
          )}
        </div>
      )}
    </section>
  );
}
