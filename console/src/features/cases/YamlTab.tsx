import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Document } from "~/api/types";
import { parseJson, writeJson } from "~/lib/json";
import { Code } from "~/ui/Code";

/** The whole case as YAML, to read and to edit. */
export function YamlTab({ document, setDocument }: { document: Document; setDocument?: (document: Document) => void }) {
  const { t } = useTranslation();
  const [text, setText] = useState<string | null>(null);
  const [wrong, setWrong] = useState<string | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: shown as it was when the tab opened; edits go out, not in
  useEffect(() => {
    void import("yaml").then(({ stringify }) => setText(stringify(document, { lineWidth: 0 })));
  }, []);
  if (text === null) return null;
  const edit = async (next: string) => {
    setText(next);
    const { parse } = await import("yaml");
    try {
      // Integers beyond 2^53 stay exact; the smaller ones become plain numbers again.
      const read = parse(next, { intAsBigInt: true }) as Document;
      if (typeof read !== "object" || read === null || !Array.isArray(read.steps)) throw new Error("steps");
      setDocument?.(parseJson(writeJson(read)));
      setWrong(null);
    } catch (error) {
      setWrong((error as Error).message);
    }
  };
  return (
    <>
      <Code
        language="text"
        label="YAML"
        value={text}
        minHeight={400}
        maxHeight={720}
        onChange={setDocument && ((next) => void edit(next))}
      />
      {wrong && (
        <p role="alert" className="bad small">
          {t("cases.noYaml")}: {wrong}
        </p>
      )}
    </>
  );
}
