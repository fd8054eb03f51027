import { useMutation } from "@tanstack/react-query";
import { Alert, Button, Checkbox, Input, Modal } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { addToEnvironment } from "~/api/environments";
import type { Environment } from "~/api/types";
import { readValue } from "~/features/steps/ValueInput";
import { visible } from "~/lib/bidi";
import { Failure } from "~/ui/Failure";

interface Props {
  pid: number;
  names: string[];
  environment: Environment | undefined;
}

/** Names in the step that nothing defines, each with a way to give it a value in the environment. */
export function UnknownNames({ pid, names, environment }: Props) {
  const { t } = useTranslation();
  const [adding, setAdding] = useState<string | null>(null);
  const [value, setValue] = useState("");
  const [secret, setSecret] = useState(false);
  const isUrl = adding === "base_url";
  const save = useMutation({
    mutationFn: (name: string) =>
      addToEnvironment(
        pid,
        environment,
        isUrl
          ? { base_url: value }
          : secret
            ? { secrets: { [name]: value } }
            : { variables: { [name]: readValue(value) } },
      ),
    onSuccess: () => setAdding(null),
  });
  if (!names.length) return null;
  return (
    <>
      <Alert
        type="warning"
        title={
          <span className="actions">
            {environment ? t("names.unknown", { environment: visible(environment.name) }) : t("names.noEnvironment")}
            {names.slice(0, 8).map((name) => (
              <Button
                key={name}
                size="small"
                onClick={() => {
                  setValue("");
                  setSecret(/token|password|secret|key/i.test(name));
                  setAdding(name);
                }}
              >
                <code className="mono">{`{{${name}}}`}</code> {environment ? t("names.add") : "…"}
              </Button>
            ))}
          </span>
        }
      />
      <Modal
        open={adding !== null}
        title={t("names.title", { name: adding, environment: environment?.name ?? "default" })}
        okText={t("action.save")}
        okButtonProps={{ disabled: secret && value.length < 6, loading: save.isPending }}
        onOk={() => adding && save.mutate(adding)}
        onCancel={() => setAdding(null)}
        destroyOnHidden
      >
        <div className="stack">
          {save.error && <Failure error={save.error} />}
          <Input
            autoFocus
            className="mono"
            aria-label={adding ?? ""}
            placeholder={isUrl ? "https://api.example.com" : t("keyValue.value")}
            type={secret ? "password" : "text"}
            autoComplete="off"
            value={value}
            onChange={(event) => setValue(event.target.value)}
            onPressEnter={(event) =>
              !event.nativeEvent.isComposing && adding && !(secret && value.length < 6) && save.mutate(adding)
            }
          />
          {!isUrl && (
            <Checkbox checked={secret} onChange={(event) => setSecret(event.target.checked)}>
              {t("names.asSecret")}
            </Checkbox>
          )}
        </div>
      </Modal>
    </>
  );
}
