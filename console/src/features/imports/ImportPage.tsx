import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { Alert, App, Button, Checkbox, Input, Select, Upload } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { call } from "~/api/client";
import { addToEnvironment } from "~/api/environments";
import { environments, modules, queryClient } from "~/api/queries";
import type { CaseRead, Converted, Document, Step } from "~/api/types";
import { ProjectHead, useProject } from "~/features/projects/ProjectHead";
import { visible } from "~/lib/bidi";
import { Empty } from "~/ui/Empty";
import { Failure } from "~/ui/Failure";
import { Page } from "~/ui/Page";
import { Fidelity } from "./Fidelity";
import { guess } from "./guess";

const MOST = 100_000;
/** Notes after which a step would not do what the command did: it comes in disabled. */
const SERIOUS = new Set(["unsupported", "refused", "file", "computed"]);

/** Commands from elsewhere to cases: paste or drop, look at what they become, import. */
export function ImportPage() {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const navigate = useNavigate();
  const pid = Number(useParams({ strict: false }).pid);
  const search = useSearch({ strict: false }) as { module?: string };
  const project = useProject(pid).data;
  const known = useQuery(modules(pid));
  const among = useQuery(environments(pid));
  const tree = known.data?.data ?? [];
  const listed = among.data?.data ?? [];
  const unloaded = [known, among].find((one) => one.error);
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState<number | undefined>(search.module ? Number(search.module) : undefined);
  const [name, setName] = useState("");
  const [single, setSingle] = useState(true);
  const [keep, setKeep] = useState(true);
  const [off, setOff] = useState<Set<number>>(new Set());
  const environment = listed.find((one) => one.is_default) ?? listed[0];
  const module = chosen ?? tree[0]?.id;
  const format = guess(text);
  const convert = useMutation({
    mutationFn: (given: string) =>
      call<Converted>("POST", `/catalog/projects/${pid}/convert`, { body: { format: "curl", text: given } }),
    onSuccess: ({ notes }) =>
      setOff(new Set(notes.flatMap((note) => (note.step !== null && SERIOUS.has(note.kind) ? [note.step] : [])))),
  });
  const store = useMutation({
    mutationFn: async (found: Converted) => {
      const secrets = Object.fromEntries(found.secrets_found.map((one) => [one.name, one.value]));
      if (keep && Object.keys(secrets).length) await addToEnvironment(pid, environment, { secrets });
      const target =
        module ??
        (
          await call<{ id: number }>("POST", `/catalog/projects/${pid}/modules`, {
            body: { name: t("cases.firstModule") },
          })
        ).id;
      const steps = found.steps.map((step, at): Step => (off.has(at) ? { ...step, enabled: false } : step));
      const made: CaseRead[] = [];
      for (const document of documents(steps, name.trim(), single)) {
        made.push(await call<CaseRead>("POST", `/catalog/modules/${target}/cases`, { body: { document } }));
      }
      return made;
    },
    onSuccess: async (made) => {
      await Promise.all(["cases", "modules"].map((key) => queryClient.invalidateQueries({ queryKey: [key] })));
      void message.success(t("imports.done", { count: made.length }));
      const to = made.length === 1 ? `/p/${pid}/cases/${made[0]?.id}` : `/p/${pid}/cases`;
      await navigate({
        to: to as "/",
        search: (made.length === 1 ? {} : { module: String(made[0]?.module_id) }) as never,
      });
    },
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: the mutation is a new object at every turn
  useEffect(() => {
    if (format !== "curl" || text.length > MOST) {
      convert.reset();
      return;
    }
    const timer = setTimeout(() => convert.mutate(text), 400);
    return () => clearTimeout(timer);
  }, [text, format]);
  const found = convert.data;
  const error = convert.error ?? store.error;
  return (
    <Page title={project ? visible(project.name) : t("imports.title")}>
      <ProjectHead pid={pid} />
      <div className="stack import">
        {unloaded && <Failure error={unloaded.error} retry={() => void unloaded.refetch()} />}
        <section className="panel stack">
          <p style={{ margin: 0 }}>{t("imports.hint")}</p>
          <Upload.Dragger
            showUploadList={false}
            beforeUpload={(file) => {
              void file.text().then(setText);
              return false;
            }}
          >
            <p style={{ margin: 0 }}>{t("imports.drop")}</p>
          </Upload.Dragger>
          <label htmlFor="import-text">
            {t("imports.text")}
            <Input.TextArea
              id="import-text"
              className="mono"
              placeholder={"curl -X POST https://…\ncurl https://…"}
              autoSize={{ minRows: 5, maxRows: 14 }}
              value={text}
              onChange={(event) => setText(event.target.value)}
            />
          </label>
          {text.length > MOST && <Alert type="error" showIcon title={t("imports.tooLong", { count: MOST })} />}
          {format && format !== "curl" && <Alert type="warning" showIcon title={t("imports.notYet", { format })} />}
          {text.trim() !== "" && !format && <Alert type="warning" showIcon title={t("imports.unknown")} />}
          {error && <Failure error={error} />}
        </section>
        {found && format === "curl" && (
          <section className="panel stack">
            <h2>{t("imports.preview", { count: found.steps.length })}</h2>
            {found.steps.length === 0 && <Empty text={t("imports.nothing")} />}
            <Fidelity
              found={found}
              off={off}
              onToggle={(at) => {
                const next = new Set(off);
                if (!next.delete(at)) next.add(at);
                setOff(next);
              }}
            />
            {found.secrets_found.length > 0 && (
              <Checkbox checked={keep} onChange={(event) => setKeep(event.target.checked)}>
                {t("curl.keepSecrets", {
                  count: found.secrets_found.length,
                  names: found.secrets_found.map((one) => one.name).join(", "),
                  environment: environment?.name ?? "default",
                })}
              </Checkbox>
            )}
            {found.steps.length > 0 && (
              <div className="filters" style={{ margin: 0 }}>
                {found.steps.length > 1 && (
                  <Select
                    aria-label={t("imports.into")}
                    prefix={<span className="faint">{t("imports.into")}</span>}
                    style={{ minWidth: 240 }}
                    value={single}
                    options={[
                      { value: true, label: t("imports.oneCase") },
                      { value: false, label: t("imports.manyCases", { count: found.steps.length }) },
                    ]}
                    onChange={setSingle}
                  />
                )}
                <Select
                  aria-label={t("cases.module")}
                  prefix={<span className="faint">{t("cases.module")}</span>}
                  style={{ minWidth: 240 }}
                  placeholder={t("cases.firstModule")}
                  value={module}
                  showSearch={{ optionFilterProp: "label" }}
                  options={tree.map((one) => ({ value: one.id, label: one.path.map(visible).join(" / ") }))}
                  onChange={setChosen}
                />
                {(single || found.steps.length === 1) && (
                  <Input
                    style={{ width: 320 }}
                    aria-label={t("cases.name")}
                    prefix={<span className="faint">{t("cases.name")}</span>}
                    placeholder={nameOf(found.steps)}
                    maxLength={100}
                    value={name}
                    onChange={(event) => setName(event.target.value)}
                  />
                )}
                <Button
                  type="primary"
                  disabled={!project?.can_write || !known.isSuccess || !among.isSuccess}
                  loading={store.isPending}
                  onClick={() => store.mutate(found)}
                >
                  {t("imports.title")}
                </Button>
              </div>
            )}
          </section>
        )}
      </div>
    </Page>
  );
}

function nameOf(steps: Step[]): string {
  const [first] = steps;
  return (first?.name ?? `${first?.request?.method ?? "GET"} ${first?.request?.url ?? ""}`).slice(0, 100);
}

function documents(steps: Step[], name: string, single: boolean): Document[] {
  const parts = single ? [steps] : steps.map((step) => [step]);
  return parts.map((part) => ({
    apiVersion: "rounds/v1",
    kind: "Case",
    name: (single || steps.length === 1 ? name : "") || nameOf(part),
    steps: part,
  }));
}
