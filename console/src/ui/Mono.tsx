import { useState } from "react";
import { useTranslation } from "react-i18next";
import { visible } from "~/lib/bidi";
import { type Json, writeJson } from "~/lib/json";

/** A value with its type told by its form: text in quotes, numbers bare; long ones clipped. */
export function Value({ value, limit = 200 }: { value: Json | undefined; limit?: number }) {
  return <Mono text={value === undefined ? "–" : writeJson(value)} limit={limit} />;
}

/** Text from elsewhere, in mono, hidden characters drawn as marks. */
export function Mono({ text, limit = 2000 }: { text: string; limit?: number }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const clipped = text.length > limit && !open;
  return (
    <code className="mono">
      {visible(clipped ? text.slice(0, limit) : text)}
      {clipped && (
        <button type="button" className="link" onClick={() => setOpen(true)}>
          {t("action.showAll", { count: text.length })}
        </button>
      )}
    </code>
  );
}
