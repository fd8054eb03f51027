import { useMutation } from "@tanstack/react-query";
import { Button, Checkbox, Collapse, Input } from "antd";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import type { Environment } from "~/api/types";
import { pairVariables, variablePairs } from "~/features/steps/ValueInput";
import { Failure } from "~/ui/Failure";
import { KeyValue } from "~/ui/KeyValue";
import { When } from "~/ui/When";

type Pair = [string, string];

interface Props {
  pid: number;
  environment: Environment | null;
  write: boolean;
  onBusy: (busy: boolean) => void;
  onSaved: () => void;
}

/** The form's id: its buttons stand outside of it, at the foot of the drawer. */
export const FORM = "environment-form";

/** An environment as a form. Secrets can be set and deleted, never read. */
export function EnvironmentForm({ pid, environment, write, onBusy, onSaved }: Props) {
  const { t } = useTranslation();
  const [name, setName] = useState(environment?.name ?? "");
  const [urls, setUrls] = useState<Pair[]>(Object.entries(environment?.base_urls ?? { default: "https://" }));
  const [headers, setHeaders] = useState<Pair[]>(Object.entries(environment?.headers ?? {}));
  const [variables, setVariables] = useState<Pair[]>(variablePairs(environment?.variables));
  const [secrets, setSecrets] = useState<Pair[]>([]);
  const [gone, setGone] = useState<string[]>([]);
  const [isDefault, setDefault] = useState(environment?.is_default ?? false);
  const [verify, setVerify] = useState(environment?.verify_tls ?? true);
  const [proxy, setProxy] = useState(environment?.proxy ?? "");
  const [authorities, setAuthorities] = useState(environment?.ca_bundle ?? "");
  const [certificate, setCertificate] = useState(environment?.client_certificate ?? "");
  const [key, setKey] = useState("");
  const save = useMutation({
    mutationFn: () => {
      const keyName = environment?.client_key ?? "client_key";
      const body = {
        name,
        base_urls: Object.fromEntries(urls.filter(([key]) => key)),
        headers: Object.fromEntries(headers.filter(([key]) => key)),
        variables: pairVariables(variables.filter(([key]) => key)),
        secrets: {
          ...Object.fromEntries(secrets.filter(([key, value]) => key && value)),
          ...Object.fromEntries(gone.map((key) => [key, null])),
          ...(certificate && key ? { [keyName]: key } : {}),
        },
        is_default: isDefault,
        verify_tls: verify,
        proxy: proxy || null,
        ca_bundle: authorities || null,
        client_certificate: certificate || null,
        client_key: certificate ? keyName : null,
      };
      return environment
        ? call("PUT", `/catalog/environments/${environment.id}`, {
            body,
            headers: { "If-Match": String(environment.revision) },
          })
        : call("POST", `/catalog/projects/${pid}/environments`, { body });
    },
    onMutate: () => onBusy(true),
    onSettled: () => onBusy(false),
    onSuccess: onSaved,
  });
  const advanced =
    environment?.proxy ||
    environment?.ca_bundle ||
    environment?.client_certificate ||
    environment?.verify_tls === false;
  return (
    <form
      id={FORM}
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      {save.error && <Failure error={save.error} />}
      <label htmlFor="environment-name">
        {t("environments.name")}
        <Input
          id="environment-name"
          value={name}
          readOnly={!write}
          maxLength={100}
          required
          onChange={(event) => setName(event.target.value)}
        />
      </label>
      <section>
        <h3>{t("environments.baseUrls")}</h3>
        <p className="faint small">
          {t("environments.baseUrlsHint", { one: "{{base_url}}", other: "{{base_urls.pay}}" })}
        </p>
        <KeyValue label={t("environments.baseUrls")} pairs={urls} onChange={setUrls} readOnly={!write} />
      </section>
      <section>
        <h3>{t("environments.variables")}</h3>
        <KeyValue
          label={t("environments.variables")}
          separator="="
          pairs={variables}
          onChange={setVariables}
          readOnly={!write}
        />
      </section>
      <section>
        <h3>{t("environments.secrets")}</h3>
        {environment && (
          <Secrets
            secrets={environment.secrets}
            gone={gone}
            setGone={write ? setGone : undefined}
            replace={write ? (name) => setSecrets([...secrets, [name, ""]]) : undefined}
          />
        )}
        {write && (
          <>
            <p className="faint small">{t("environments.secretsHint")}</p>
            <KeyValue label={t("environments.secrets")} separator="=" pairs={secrets} onChange={setSecrets} />
          </>
        )}
      </section>
      <section>
        <h3>{t("steps.headers")}</h3>
        <KeyValue label={t("steps.headers")} pairs={headers} onChange={setHeaders} readOnly={!write} />
      </section>
      <div>
        <Checkbox
          checked={isDefault}
          disabled={!write || environment?.is_default}
          onChange={(event) => setDefault(event.target.checked)}
        >
          {t("environments.isDefault")}
        </Checkbox>
        {write && environment?.is_default && <p className="faint small">{t("environments.defaultHint")}</p>}
      </div>
      <Collapse
        ghost
        defaultActiveKey={advanced ? "advanced" : undefined}
        styles={{ header: { paddingInline: 0 }, body: { paddingInline: 0 } }}
        items={[
          {
            key: "advanced",
            label: t("environments.advanced"),
            forceRender: true,
            children: (
              <div className="stack">
                <label htmlFor="environment-proxy">
                  {t("environments.proxy")}
                  <Input
                    id="environment-proxy"
                    value={proxy}
                    readOnly={!write}
                    placeholder="http://proxy:8080"
                    onChange={(event) => setProxy(event.target.value)}
                  />
                </label>
                <Pem
                  label={t("environments.authorities")}
                  value={authorities}
                  onChange={write ? setAuthorities : undefined}
                />
                <Pem
                  label={t("environments.certificate")}
                  value={certificate}
                  onChange={write ? setCertificate : undefined}
                />
                {write && certificate && (
                  <Pem
                    label={t("environments.key")}
                    value={key}
                    placeholder={environment?.client_key ? t("environments.isSet") : "-----BEGIN PRIVATE KEY-----"}
                    onChange={setKey}
                  />
                )}
                <Checkbox checked={verify} disabled={!write} onChange={(event) => setVerify(event.target.checked)}>
                  {t("environments.verifyTls")}
                </Checkbox>
              </div>
            ),
          },
        ]}
      />
    </form>
  );
}

/** Certificates or a key as text. Read-only without `onChange`. */
function Pem({
  label,
  value,
  placeholder = "-----BEGIN CERTIFICATE-----",
  onChange,
}: {
  label: string;
  value: string;
  placeholder?: string;
  onChange?: (text: string) => void;
}) {
  const id = useId();
  return (
    <label htmlFor={id}>
      {label}
      <Input.TextArea
        id={id}
        className="mono"
        value={value}
        readOnly={!onChange}
        placeholder={placeholder}
        onChange={(event) => onChange?.(event.target.value)}
      />
    </label>
  );
}

/** Which secrets are set and since when; each can be marked to be deleted when the form is saved. */
function Secrets({
  secrets,
  gone,
  setGone,
  replace,
}: {
  secrets: Environment["secrets"];
  gone: string[];
  setGone?: (names: string[]) => void;
  replace?: (name: string) => void;
}) {
  const { t } = useTranslation();
  if (!secrets.length) return null;
  return (
    <table className="grid cards">
      <tbody>
        {secrets.map(({ name, updated_at }) => (
          <tr key={name}>
            <td>
              <code className="mono">{name}</code>
            </td>
            <td className="faint">
              {gone.includes(name) ? (
                t("environments.willBeDeleted")
              ) : (
                <span>
                  {t("environments.isSet")} · <When at={updated_at} />
                </span>
              )}
            </td>
            <td style={{ marginInlineStart: "auto" }}>
              {setGone && (
                <span className="actions" style={{ justifyContent: "end" }}>
                  {!gone.includes(name) && (
                    <Button size="small" onClick={() => replace?.(name)}>
                      {t("environments.replace")}
                    </Button>
                  )}
                  <Button
                    size="small"
                    onClick={() => setGone(gone.includes(name) ? gone.filter((one) => one !== name) : [...gone, name])}
                  >
                    {gone.includes(name) ? t("action.undo") : t("action.delete")}
                  </Button>
                </span>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
