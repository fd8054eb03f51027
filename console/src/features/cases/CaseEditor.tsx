import { useQuery } from "@tanstack/react-query";
import { Link, useBlocker, useNavigate, useSearch } from "@tanstack/react-router";
import { Alert, App, Button, Input, Select, Tabs } from "antd";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { environments, modules, settings } from "~/api/queries";
import type { CaseRead, Document, Project } from "~/api/types";
import { ReadOnly } from "~/features/projects/ProjectHead";
import { RunButton } from "~/features/runs/RunButton";
import { numberOf, placeOf } from "~/features/steps/tree";
import { visible } from "~/lib/bidi";
import { sameJson } from "~/lib/json";
import { shortTime } from "~/lib/time";
import { Failure } from "~/ui/Failure";
import { Page } from "~/ui/Page";
import { ConflictDialog } from "./ConflictDialog";
import { HistoryTab } from "./HistoryTab";
import { RevisionsTab } from "./RevisionsTab";
import { SettingsTab } from "./SettingsTab";
import { StepsTab } from "./StepsTab";
import { useDraft } from "./useDraft";
import { useSave } from "./useSave";
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
  const [document, show] = useState<Document>(saved?.document ?? blank);
  // What is typed in the code fields is shown a moment later: a key pressed at once must see it all the same.
  const latest = useRef(document);
  const setDocument = (next: Document) => {
    latest.current = next;
    show(next);
  };
  const [module, setModule] = useState(moduleId);
  const [conflict, setConflict] = useState<CaseRead | null>(null);
  const { step } = useSearch({ strict: false }) as { step?: string };
  const [place, setPlace] = useState<string | null>(() => (step && placeOf(document, step)) || "steps.0");
  const write = project.can_write;
  const dirty = !sameJson(document, base?.document ?? blank);
  const draft = useDraft(
    `case ${base?.id ?? `new ${pid}`}`,
    { document, base: base?.document ?? blank, revision: base?.revision ?? 0 },
    dirty,
  );
  const known = useQuery(environments(pid));
  const listed = known.data?.data ?? [];
  const own = useQuery(settings).data;
  const tree = useQuery(modules(pid)).data?.data ?? [];
  const [environmentId, setEnvironmentId] = useState<number | null>(null);
  const usual =
    listed.find((one) => one.id === own?.environments[pid]) ?? listed.find((one) => one.is_default) ?? listed[0];
  const environment = environmentId ?? usual?.id ?? null;
  const { trial, start } = useTry(pid);
  const [tab, setTab] = useState("steps");
  const tryOut = (tried: Document, until?: string) => {
    setTab("steps");
    void start(tried, environment, until);
  };

  const save = useSave(
    pid,
    module,
    (stored, sent) => {
      setConflict(null);
      void message.success(t("cases.saved", { number: stored.revision }));
      if (sent.old?.id === base?.id) {
        setBase(stored);
        // What was typed while it was being saved stays.
        if (latest.current === sent.document) setDocument(stored.document);
      }
      draft.forget();
      if (stored.id !== base?.id) {
        void navigate({ to: `/p/${pid}/cases/${stored.id}` as "/", replace: !base, ignoreBlocker: true });
      }
    },
    setConflict,
  );
  const old = base ? { id: base.id, revision: base.revision } : undefined;
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
        const now = latest.current;
        if (write && !save.isPending && !sameJson(now, base?.document ?? blank)) save.mutate({ document: now, old });
      } else if (event.key === "Enter") {
        event.preventDefault();
        if (write) tryOut(latest.current, tab === "steps" && place?.startsWith("steps") ? numberOf(place) : undefined);
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  });

  const title = (
    <>
      {write ? (
        <Input
          className="title-field"
          variant="underlined"
          aria-label={t("cases.name")}
          placeholder={t("cases.name")}
          value={document.name}
          maxLength={100}
          onChange={(event) => setDocument({ ...document, name: event.target.value })}
        />
      ) : (
        visible(document.name)
      )}{" "}
      <span className="faint small title-note">
        {dirty ? `*${t("cases.unsaved")}` : base && `${t("cases.revision")} ${base.revision}`}
      </span>
    </>
  );
  const actions = (
    <>
      {write && listed.length > 0 && (
        <Select
          aria-label={t("environments.one")}
          style={{ width: 260 }}
          value={environment}
          options={listed.map((one) => ({
            value: one.id,
            label: `${visible(one.name)} · ${one.base_urls.default ?? "–"}`,
          }))}
          onChange={setEnvironmentId}
        />
      )}
      {write && (
        <>
          <Button
            disabled={tab !== "steps" || !place?.startsWith("steps")}
            loading={trial.busy}
            onClick={() => tryOut(document, place ? numberOf(place) : undefined)}
            title="Ctrl+Enter"
          >
            {t("cases.tryStep")}
          </Button>
          <Button disabled={trial.busy} onClick={() => tryOut(document)} title={t("cases.tryHint")}>
            {t("cases.tryAll")}
          </Button>
          <Button
            type={dirty || !base ? "primary" : "default"}
            disabled={!dirty && base !== null}
            loading={save.isPending}
            onClick={() => save.mutate({ document, old })}
            title="Ctrl+S"
          >
            {t("action.save")}
          </Button>
          {base && !dirty && <RunButton pid={pid} caseIds={[base.id]} primary />}
        </>
      )}
    </>
  );
  const home = tree.find((one) => one.id === base?.module_id);
  const up = (
    <>
      <Link to={`/p/${pid}/cases` as "/"}>{visible(project.name)}</Link>
      {home && (
        <>
          {" / "}
          <Link to={`/p/${pid}/cases` as "/"} search={{ module: String(home.id) } as never}>
            {home.path.map(visible).join(" / ")}
          </Link>
        </>
      )}
    </>
  );
  return (
    <Page up={up} title={title} actions={actions}>
      <div className={write ? "stack" : "stack read-only"}>
        {!write && <ReadOnly project={project} />}
        {draft.found && (
          <Alert
            type="warning"
            showIcon
            title={t("cases.draftFound", { time: shortTime(draft.found.at) })}
            action={
              <span className="actions">
                <Button
                  size="small"
                  onClick={() => {
                    if (!draft.found) return;
                    const { document: left, base: from, revision } = draft.found;
                    setDocument(left);
                    // Saved by someone since: saving the draft finds that out, and merges.
                    if (base && revision !== base.revision) setBase({ ...base, document: from, revision });
                    draft.settle();
                  }}
                >
                  {t("cases.restoreDraft")}
                </Button>
                <Button size="small" onClick={draft.forget}>
                  {t("cases.dropDraft")}
                </Button>
              </span>
            }
          />
        )}
        {save.error && !conflict && <Failure error={save.error} retry={() => save.mutate({ document, old })} />}
        {trial.error !== null && <Failure error={trial.error} />}
        <div className="filters" style={{ margin: 0 }}>
          <Select
            mode="tags"
            style={{ minWidth: 260 }}
            prefix={<span className="faint">{t("cases.tags")}</span>}
            aria-label={t("cases.tags")}
            disabled={!write}
            value={document.tags ?? []}
            onChange={(tags) => setDocument({ ...document, tags: tags.length ? tags : undefined })}
          />
          {!base && tree.length > 0 && (
            <Select
              aria-label={t("cases.module")}
              style={{ minWidth: 260 }}
              prefix={<span className="faint">{t("cases.module")}</span>}
              value={module}
              showSearch={{ optionFilterProp: "label" }}
              options={tree.map((one) => ({ value: one.id, label: one.path.map(visible).join(" / ") }))}
              onChange={setModule}
            />
          )}
        </div>
        <Tabs
          className="panel"
          activeKey={tab}
          onChange={setTab}
          items={[
            {
              key: "steps",
              label: t("cases.steps"),
              children: (
                <StepsTab
                  project={project}
                  document={document}
                  setDocument={setDocument}
                  place={place}
                  setPlace={setPlace}
                  trial={trial}
                  write={write}
                  ready={known.isSuccess}
                  environment={listed.find((one) => one.id === environment)}
                />
              ),
            },
            {
              key: "settings",
              label: t("cases.settings"),
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
      {conflict && base && (
        <ConflictDialog
          base={base.document}
          theirs={conflict}
          mine={document}
          busy={save.isPending}
          onClose={() => setConflict(null)}
          onSave={(merged) => {
            setBase(conflict);
            setDocument(merged);
            save.mutate({ document: merged, old: { id: conflict.id, revision: conflict.revision } });
          }}
          onSaveAsNew={() =>
            save.mutate({ document: { ...document, name: t("cases.copyName", { name: document.name }) } })
          }
          onTake={() => {
            setBase(conflict);
            setDocument(conflict.document);
            setConflict(null);
            draft.forget();
          }}
        />
      )}
    </Page>
  );
}
