import { Checkbox, Segmented } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Converted } from "~/api/types";
import { Mono } from "~/ui/Mono";
import { useWord } from "~/ui/words";
import "./imports.css";

interface Props {
  found: Converted;
  /** Steps that will come in disabled. */
  off: Set<number>;
  onToggle: (step: number) => void;
}

const SHOWN = 100;

/** What each command becomes, and what of it is said otherwise or not at all. */
export function Fidelity({ found, off, onToggle }: Props) {
  const { t } = useTranslation();
  const [kind, setKind] = useState("all");
  const kinds = [...new Set(found.notes.map((note) => note.kind))];
  const word = useWord();
  const notesOf = (step: number | null) =>
    found.notes.filter((note) => note.step === step && (kind === "all" || note.kind === kind));
  const rows = found.steps
    .map((step, at) => ({ step, at, notes: notesOf(at) }))
    .filter((row) => kind === "all" || row.notes.length > 0);
  const loose = notesOf(null);
  return (
    <>
      {kinds.length > 1 && (
        <div style={{ overflowX: "auto" }}>
          <Segmented
            aria-label={t("imports.filter")}
            value={kind}
            options={[
              { value: "all", label: t("fidelity.all") },
              ...kinds.map((one) => ({
                value: one,
                label: `${word("fidelity", one)} ${found.notes.filter((note) => note.kind === one).length}`,
              })),
            ]}
            onChange={setKind}
          />
        </div>
      )}
      {loose.length > 0 && <Notes notes={loose} />}
      <div style={{ overflowX: "auto" }}>
        <table className="grid cards">
          <thead>
            <tr>
              <th>{t("steps.enabled")}</th>
              <th>{t("steps.step")}</th>
              <th>{t("imports.notes")}</th>
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, SHOWN).map(({ step, at, notes }) => (
              <tr key={at}>
                <td data-label={t("steps.enabled")}>
                  <Checkbox
                    checked={!off.has(at)}
                    aria-label={`${t("steps.enabled")} ${at + 1}`}
                    onChange={() => onToggle(at)}
                  />
                </td>
                <td>
                  <strong>{step.request?.method ?? "GET"}</strong>{" "}
                  <Mono text={step.request?.url ?? step.type} limit={300} />
                </td>
                <td data-label={t("imports.notes")}>
                  {notes.length ? <Notes notes={notes} /> : <span className="faint">–</span>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > SHOWN && <p className="faint">{t("imports.more", { count: rows.length - SHOWN })}</p>}
    </>
  );
}

/** What a conversion could not keep as it was, one a line. */
export function Notes({ notes }: { notes: Converted["notes"] }) {
  const word = useWord();
  return (
    <ul className="notes">
      {notes.map((note) => (
        <li key={`${note.kind} ${note.option} ${note.msg}`}>
          <span className="kind">{word("fidelity", note.kind)}</span> {note.msg}
        </li>
      ))}
    </ul>
  );
}
