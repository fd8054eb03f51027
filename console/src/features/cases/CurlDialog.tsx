import { useMutation } from "@tanstack/react-query";
import { Checkbox, Input, Modal } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { addToEnvironment } from "~/api/environments";
import type { Converted, Environment, Step } from "~/api/types";
import { Notes } from "~/features/imports/Fidelity";
import { Failure } from "~/ui/Failure";
import { Mono } from "~/ui/Mono";

interface Props {
  pid: number;
  initial: string;
  environment?: Environment;
  onInsert: (steps: Step[]) => void;
  onClose: () => void;
}

/** cURL commands to steps: paste, look at what they become, insert. */
export function CurlDialog({ pid, initial, environment, onInsert, onClose }: Props) {
  const { t } = useTranslation();
  const [text, setText] = useState(initial);
  const [keep, setKeep] = useState(true);
  const isCurl = /\bcurl/i.test(text);
  const convert = useMutation({
    mutationFn: (curl: string) =>
      call<Converted>("POST", `/catalog/projects/${pid}/convert`, { body: { format: "curl", text: curl } }),
  });
  const store = useMutation({
    mutationFn: async (found: Converted) => {
      const secrets = Object.fromEntries(
        found.secrets_found.filter((one) => one.value).map((one) => [one.name, one.value]),
      );
      if (keep && Object.keys(secrets).length) await addToEnvironment(pid, environment, { secrets });
      return found.steps;
    },
    onSuccess: onInsert,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: the mutation is a new object at every turn
  useEffect(() => {
    if (!isCurl) return;
    const timer = setTimeout(() => convert.mutate(text), 300);
    return () => clearTimeout(timer);
  }, [text]);
  const found = convert.data;
  const error = convert.error ?? store.error;
  return (
    <Modal
      open
      title={t("curl.paste")}
      width={720}
      okText={found?.steps.length ? t("curl.insert", { count: found.steps.length }) : t("curl.insertSteps")}
      okButtonProps={{ disabled: !found?.steps.length, loading: convert.isPending || store.isPending }}
      onOk={() => found && store.mutate(found)}
      onCancel={onClose}
    >
      <div className="stack">
        <Input.TextArea
          className="mono"
          aria-label="cURL"
          autoFocus
          autoSize={{ minRows: 4, maxRows: 12 }}
          placeholder={"curl -X POST https://…"}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        {text.trim() !== "" && !isCurl && <p className="faint">{t("imports.unknown")}</p>}
        {error && <Failure error={error} />}
        {found && (
          <>
            {found.steps.map((step, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: steps have no identity yet
              <div key={index}>
                <strong>{step.request?.method ?? "GET"}</strong> <Mono text={step.request?.url ?? step.type} />
                {step.request?.body && <span className="faint small"> + {t("steps.body")}</span>}
              </div>
            ))}
            {found.notes.length > 0 && <Notes notes={found.notes} />}
            {found.secrets_found.length > 0 && (
              <Checkbox checked={keep} onChange={(event) => setKeep(event.target.checked)}>
                {t("curl.keepSecrets", {
                  count: found.secrets_found.length,
                  names: found.secrets_found.map((one) => one.name).join(", "),
                  environment: environment?.name ?? "default",
                })}
              </Checkbox>
            )}
          </>
        )}
      </div>
    </Modal>
  );
}
