import { Alert, App, Button, Dropdown } from "antd";
import type { TFunction } from "i18next";
import { useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Assert, Capture, Document, Environment, Project, Step, StepResult } from "~/api/types";
import { NamesContext, namesFor } from "~/features/steps/names";
import { ResponseView } from "~/features/steps/ResponseView";
import { StepEditor } from "~/features/steps/StepEditor";
import { insertAfter, moveStep, numberOf, replaceStep, resultAt, stepAt } from "~/features/steps/tree";
import { visible } from "~/lib/bidi";
import { sameJson } from "~/lib/json";
import { duration } from "~/lib/time";
import { Mono } from "~/ui/Mono";
import { Status } from "~/ui/Status";
import { TreeList, type TreeNode } from "~/ui/TreeList";
import { useWord } from "~/ui/words";
import { CurlDialog } from "./CurlDialog";
import { StepMenu } from "./StepMenu";
import { UnknownNames } from "./UnknownNames";
import { useJudged } from "./useJudged";
import type { Trial } from "./useTry";
import "./editor.css";

interface Props {
  project: Project;
  document: Document;
  setDocument: (document: Document) => void;
  place: string | null;
  setPlace: (place: string | null) => void;
  trial: Trial;
  write: boolean;
  environment?: Environment;
  /** The environments are there, so that a name that is not found is unknown indeed. */
  ready: boolean;
}

const NEW: Record<string, Step> = {
  request: {
    type: "request",
    request: { method: "GET", url: "{{base_url}}/" },
    asserts: [{ query: { type: "status" }, predicate: "==", value: 200 }],
  },
  wait: { type: "wait", duration_ms: 1000 },
  set: { type: "set", variables: { name: "" } },
  group: { type: "group", name: "group", steps: [{ type: "wait", duration_ms: 0 }] },
  call: { type: "call", case_id: 0 },
  sql: { type: "sql", connection: "default", statement: "SELECT 1" },
};

/** The steps at the left, one of them open at the right with its last answer beneath. */
export function StepsTab({ project, document, setDocument, place, setPlace, trial, write, environment, ready }: Props) {
  const { t } = useTranslation();
  const word = useWord();
  const { message } = App.useApp();
  const [curl, setCurl] = useState<string | null>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const results = trial.report?.steps ?? [];
  const step = stepAt(document, place);
  const result = place ? resultAt(results, document, place) : undefined;
  const stale = Boolean(
    result && trial.tried && place && !sameJson(stepAt(trial.tried, place)?.request, step?.request),
  );
  const judged = useJudged(trial.report, result, stale ? undefined : step);
  const shown = judged ?? result;
  const names = useMemo(() => {
    const found = namesFor(document, project, environment);
    return ready ? found : { ...found, unknown: () => [] };
  }, [document, project, environment, ready]);
  const nodes = useMemo(() => nodesOf(document, results, t), [document, results, t]);

  const change = (next: Step) => place && setDocument(replaceStep(document, place, next));
  const add = (steps: Step[]) => {
    const done = insertAfter(document, place, steps);
    setDocument(done.document);
    setPlace(done.place);
  };
  const move = (from: string, parent: string | null, before: string | null) => {
    const list = parent === null ? "steps" : parent === "teardown" ? "teardown" : `${parent}.steps`;
    const done = moveStep(document, from, list, before === "teardown" ? null : before);
    if (!done) return;
    setDocument(done.document);
    setPlace(done.place);
  };
  const undoable = (text: string, next: Step) => {
    const before = document;
    change(next);
    const key = String(Date.now());
    void message.success({
      key,
      duration: 6,
      content: (
        <>
          {text}{" "}
          <Button
            size="small"
            onClick={() => {
              setDocument(before);
              message.destroy(key);
            }}
          >
            {t("action.undo")}
          </Button>
        </>
      ),
    });
  };
  const onAssert = (assert: Assert) =>
    step && undoable(t("pick.assertAdded"), { ...step, asserts: [...(step.asserts ?? []), assert] });
  const onCapture = (capture: Capture) =>
    step &&
    undoable(t("pick.captureAdded", { name: capture.name }), {
      ...step,
      captures: [...(step.captures ?? []), capture],
    });
  const kinds = Object.keys(NEW).map((key) => ({ key, label: t(`steps.type.${key}` as "steps.type.wait") }));
  return (
    <div className="split editor">
      <div>
        <TreeList
          label={t("cases.steps")}
          nodes={nodes}
          selected={place}
          open
          onSelect={setPlace}
          onMove={write ? move : undefined}
          isFolder={(id) => id === "teardown" || stepAt(document, id)?.type === "group"}
        />
        {write && (
          <div className="actions" style={{ marginTop: 8 }}>
            <Dropdown
              autoFocus
              trigger={["click"]}
              menu={{
                items: [
                  ...kinds,
                  { type: "divider" },
                  { key: "curl", label: t("curl.paste") },
                  { key: "teardown", label: t("steps.addTeardown") },
                ],
                onClick: ({ key }) => {
                  if (key === "curl") setCurl("");
                  else if (key === "teardown") {
                    setDocument({ ...document, teardown: [...(document.teardown ?? []), NEW.request as Step] });
                    setPlace(`teardown.${document.teardown?.length ?? 0}`);
                  } else add([structuredClone(NEW[key] as Step)]);
                },
              }}
            >
              <Button ref={opener}>+ {t("steps.step")}</Button>
            </Dropdown>
            {step && place && (
              <StepMenu
                document={document}
                place={place}
                onChange={(next, to) => {
                  setDocument(next);
                  setPlace(to);
                }}
                onDuplicate={() => add([structuredClone(step)])}
              />
            )}
          </div>
        )}
        {write && <p className="faint small keys">{t("steps.keys")}</p>}
      </div>
      <div className="stack">
        {step && place ? (
          <NamesContext value={names}>
            {write && (
              <UnknownNames
                pid={project.id}
                names={names.unknown({ ...step, steps: undefined })}
                environment={environment}
              />
            )}
            <StepEditor
              key={place}
              step={step}
              onChange={change}
              result={stale ? undefined : shown}
              readOnly={!write}
              onCurl={setCurl}
            />
          </NamesContext>
        ) : (
          <p className="faint">{t("steps.choose")}</p>
        )}
        {shown && (
          <section className={`answer${stale ? " stale" : ""}`} aria-label={t("report.answer")}>
            <div className="actions" style={{ marginBottom: 8 }}>
              <h3 style={{ margin: 0 }}>{t("report.answer")}</h3>
              <Status status={shown.status} />
              {stale && <span className="faint small">{t("steps.stale")}</span>}
            </div>
            {shown.error && (
              <Alert
                type="error"
                showIcon
                title={shown.failure_class ? word("failure", shown.failure_class) : shown.error}
                description={shown.failure_class && <Mono text={shown.error} />}
              />
            )}
            <ResponseView
              key={`${trial.report?.run_id} ${shown.seq}`}
              result={shown}
              onAssert={write ? onAssert : undefined}
              onCapture={write ? onCapture : undefined}
            />
          </section>
        )}
      </div>
      {curl !== null && (
        <CurlDialog
          pid={project.id}
          initial={curl}
          environment={environment}
          onClose={() => {
            setCurl(null);
            opener.current?.focus();
          }}
          onInsert={(steps) => {
            setCurl(null);
            // The step that a new case begins with, and that nobody has touched, makes way.
            const untouched = document.steps.length === 1 && sameJson(document.steps[0], NEW.request);
            if (untouched && steps.length) {
              setDocument({ ...document, steps });
              setPlace(`steps.${steps.length - 1}`);
            } else add(steps);
          }}
        />
      )}
    </div>
  );
}

function nodesOf(document: Document, results: StepResult[], t: TFunction): TreeNode[] {
  const make = (steps: Step[], list: string): TreeNode[] =>
    steps.map((step, index) => {
      const id = `${list}.${index}`;
      const result = resultAt(results, document, id);
      const name = visible(
        step.name ||
          (step.type === "request"
            ? `${step.request?.method ?? "GET"} ${step.request?.url ?? ""}`
            : t(`steps.type.${step.type}` as "steps.type.wait")),
      );
      return {
        id,
        text: `${numberOf(id)} ${name}`,
        label: (
          <span className={step.enabled === false ? "faint struck" : undefined}>
            <span className="faint num">{numberOf(id)}</span> {name}
          </span>
        ),
        extra: result ? (
          <span className="actions nowrap" style={{ gap: 4 }}>
            <span className="faint small num">{duration(result.duration_ms)}</span>
            <Status status={result.status} iconOnly />
          </span>
        ) : step.enabled === false ? (
          <Status status="disabled" iconOnly />
        ) : step.asserts?.length ? (
          <span className="faint small num">{t("steps.assertCount", { count: step.asserts.length })}</span>
        ) : null,
        children: step.steps ? make(step.steps, `${id}.steps`) : undefined,
      };
    });
  const teardown = document.teardown?.length
    ? [
        {
          id: "teardown",
          text: t("steps.teardown"),
          label: <em>{t("steps.teardown")}</em>,
          children: make(document.teardown, "teardown"),
        },
      ]
    : [];
  return [...make(document.steps, "steps"), ...teardown];
}
