import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useBlocker, useNavigate } from "@tanstack/react-router";
import { Alert, App, Button, Input, Select, Tabs } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError, call } from "~/api/client";
import { environments, modules, queryClient, settings } from "~/api/queries";
import type { CaseRead, Document, Project } from "~/api/types";
import { RunButton } from "~/features/runs/RunButton";
import { numberOf } from "~/features/steps/tree";
import { parseJson, sameJson } from "~/lib/json";
import { shortTime } from "~/lib/time";
import { Failure } from "~/ui/Failure";
import { Page } from "~/ui/Page";
import { ConflictDialog } from "./ConflictDialog";
import { HistoryTab } from "./HistoryTab";
import { RevisionsTab } from "./RevisionsTab";
import { SettingsTab } from "./SettingsTab";
import { StepsTab } from "./StepsTab";
import { useDraft } from "./useDraft";
import { useTry } from "./useTry";
import { YamlTab } from "./YamlTab";

interface Props {
  project: Project;
  saved: CaseRead | null;
  blank: Document;
  moduleId: number | null;
}

/** The case editor: steps with try-out, variables, options, revisions, YAML, references, history. */
export function CaseEditor({ project, saved, blank, moduleId }: Props) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const navigate = useNavigate();
  const pid = project.id;
  const [base, setBase] = useState<CaseRead | null>(saved);
  const [document, setDocument] = useState<Document>(saved?.document ?? blank);
  const [module, setModule] = useState(moduleId);
  const [conflict, setConflict] = useState<CaseRead | null>(null);
  const [place, setPlace] = useState<string | null>("steps.0");
  const write = project.can_write;
  const dirty = !sameJson(document, base?.document ?? blank);
  const draft = useDraft(`case ${base?.id ?? `new ${pid}`} ${base?.revision ?? 0}`, document, dirty);
  const listed = useQuery(environments(pid)).data?.data ?? [];
  const own = useQuery(settings).data;
  const tree = useQuery(modules(pid)).data?.data ?? [];
  const [environmentId, setEnvironmentId] = useState<number | null>(null);
  const usual =
    listed.find((one) => one.id === own?.environments[pid]) ?? listed.find((one) => one.is_default) ?? listed[0];
  const environment = environmentId ?? usual?.id ?? null;
  const { trial, start } = useTry(pid);

  const save = useMutation({
    mutationFn: async (revision: number | undefined) => {
      const headers = revision ? { "If-Match": String(revision) } : undefined;
      if (base) return call<CaseRead>("PUT", `/catalog/cases/${base.id}`, { body: { document }, headers });
      let target = module;
      if (target === null)
        target = (
          await call<{ id: number }>("POST", `/catalog/projects/${pid}/modules`, {
            body: { name: t("cases.firstModule") },
          })
        ).id;
      return call<CaseRead>("POST", `/catalog/modules/${target}/cases`, { body: { document } });
    },
    onSuccess: async (stored) => {
      const first = !base;
      setBase(stored);
      setDocument(stored.document);
      setConflict(null);
      draft.forget();
      void message.success(t("cases.saved", { number: stored.revision }));
      queryClient.setQueryData(["case", String(stored.id)], stored);
      for (const key of ["cases", "modules", "revisions"]) void queryClient.invalidateQueries({ queryKey: [key] });
      if (first) await navigate({ to: `/p/${pid}/cases/${stored.id}` as "/", replace: true, ignoreBlocker: true });
    },
    onError: async (error) => {
      if (error instanceof ApiError && error.code === "revision_conflict" && base) {
        setConflict(await call<CaseRead>("GET", `/catalog/cases/${base.id}`));
      }
    },
  });
  useBlocker({
    shouldBlockFn: () => dirty && !window.confirm(t("cases.leaveSure")),
    enableBeforeUnload: () => dirty,
    disabled: !dirty,
  });
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || event.isComposing) return;
      if (event.key === "s") {
        event.preventDefault();
        if (write && dirty && !save.isPending) save.mutate(base?.revision);
      } else if (event.key === "Enter") {
        event.preventDefault();
        void start(document, environment, place?.startsWith("steps") ? numberOf(place) : undefined);
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  });

  const title = (
    <>
      {document.name || t("cases.unnamed")} {dirty && <span className="faint small">*{t("cases.unsaved")}</span>}
    </>
  );
  const actions = (
    <>
      {listed.length > 0 && (
        <Select
          aria-label={t("environments.one")}
          style={{ width: 260 }}
          value={environment}
          options={listed.map((one) => ({ value: one.id, label: `${one.name} · ${one.base_urls.default ?? "–"}` }))}
          onChange={setEnvironmentId}
        />
      )}
      {write && (
        <>
          <Button
            disabled={!place?.startsWith("steps")}
            loading={trial.busy}
            onClick={() => void start(document, environment, place ? numberOf(place) : undefined)}
            title="Ctrl+Enter"
          >
            {t("cases.tryStep")}
          </Button>
          <Button disabled={trial.busy} onClick={() => void start(document, environment)}>
            {t("cases.tryAll")}
          </Button>
          <Button
            type="primary"
            disabled={!dirty && base !== null}
            loading={save.isPending}
            onClick={() => save.mutate(base?.revision)}
            title="Ctrl+S"
          >
            {t("action.save")}
          </Button>
          {base && !dirty && <RunButton pid={pid} caseIds={[base.id]} />}
        </>
      )}
    </>
  );
  return (
    <Page title={title} actions={actions}>
      <div className="stack">
        {!write && <Alert type="info" showIcon title={t("projects.readOnly")} />}
        {draft.found && !dirty && (
          <Alert
            type="warning"
            showIcon
            title={t("cases.draftFound", { time: shortTime(draft.found.at) })}
            action={
              <span className="actions">
                <Button size="small" onClick={() => draft.found && setDocument(parseJson(draft.found.text))}>
                  {t("cases.restoreDraft")}
                </Button>
                <Button size="small" onClick={draft.forget}>
                  {t("cases.dropDraft")}
                </Button>
              </span>
            }
          />
        )}
        {save.error && !conflict && <Failure error={save.error} />}
        {trial.error !== null && <Failure error={trial.error} />}
        <div className="filters" style={{ margin: 0 }}>
          <Input
            style={{ maxWidth: 420 }}
            aria-label={t("cases.name")}
            placeholder={t("cases.name")}
            value={document.name}
            readOnly={!write}
            maxLength={100}
            onChange={(event) => setDocument({ ...document, name: event.target.value })}
          />
          <Select
            mode="tags"
            style={{ minWidth: 200 }}
            aria-label={t("cases.tags")}
            placeholder={t("cases.tags")}
            disabled={!write}
            value={document.tags ?? []}
            onChange={(tags) => setDocument({ ...document, tags: tags.length ? tags : undefined })}
          />
          {!base && tree.length > 0 && (
            <Select
              aria-label={t("cases.module")}
              style={{ minWidth: 180 }}
              value={module}
              showSearch={{ optionFilterProp: "label" }}
              options={tree.map((one) => ({ value: one.id, label: one.path.join(" / ") }))}
              onChange={setModule}
            />
          )}
          {base && (
            <Link to={`/p/${pid}/cases` as "/"} search={{ module: String(base.module_id) } as never}>
              {tree.find((one) => one.id === base.module_id)?.path.join(" / ")}
            </Link>
          )}
        </div>
        <Tabs
          className="panel"
          items={[
            {
              key: "steps",
              label: t("cases.steps"),
              children: (
                <StepsTab
                  pid={pid}
                  document={document}
                  setDocument={setDocument}
                  place={place}
                  setPlace={setPlace}
                  trial={trial}
                  write={write}
                  environment={listed.find((one) => one.id === environment)}
                />
              ),
            },
            {
              key: "settings",
              label: t("cases.dataAndVariables"),
              children: <SettingsTab document={document} setDocument={write ? setDocument : undefined} />,
            },
            {
              key: "yaml",
              label: "YAML",
              children: <YamlTab document={document} setDocument={write ? setDocument : undefined} />,
            },
            ...(base
              ? [
                  {
                    key: "revisions",
                    label: t("cases.revisions"),
                    children: (
                      <RevisionsTab
                        saved={base}
                        write={write}
                        onRestored={(stored: CaseRead) => {
                          setBase(stored);
                          setDocument(stored.document);
                        }}
                      />
                    ),
                  },
                  { key: "history", label: t("cases.history"), children: <HistoryTab saved={base} /> },
                ]
              : []),
          ]}
        />
      </div>
      {conflict && (
        <ConflictDialog
          theirs={conflict}
          mine={document}
          busy={save.isPending}
          onClose={() => setConflict(null)}
          onOverwrite={() => save.mutate(conflict.revision)}
          onTake={() => {
            setBase(conflict);
            setDocument(conflict.document);
            setConflict(null);
          }}
        />
      )}
    </Page>
  );
}
