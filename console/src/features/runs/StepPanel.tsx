import { Alert, App, Button, Dropdown } from "antd";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import type { CaseReport, RunDetail, StepResult } from "~/api/types";
import { AssertTable } from "~/features/steps/AssertTable";
import { HeaderTable, ResponseView } from "~/features/steps/ResponseView";
import { visible } from "~/lib/bidi";
import { copyText } from "~/lib/copy";
import { toCurl } from "~/lib/curl";
import { prettyJson } from "~/lib/json";
import { Mono, Value } from "~/ui/Mono";
import { PlainCode } from "~/ui/PlainCode";
import { Status } from "~/ui/Status";
import { useWord } from "~/ui/words";
import { DiffView } from "./DiffView";

interface Props {
  run: RunDetail;
  report: CaseReport;
  step: StepResult;
}

/** One step of a report: what was judged, the answer, the request, what changed since it last passed. */
export function StepPanel({ run, report, step }: Props) {
  const { t } = useTranslation();
  const word = useWord();
  const { message } = App.useApp();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  const copyCurl = async (shell: "bash" | "cmd") => {
    if (!step.request) return;
    await copyText(toCurl(step.request, shell));
    void message.success(t("action.copied"));
  };
  const why = step.failure_class && word("failure", step.failure_class);
  const bad = step.status === "failed" || step.status === "error";
  const missing = step.captures.filter((one) => !one.found);
  const more = [
    ...(bad
      ? [{ key: "diff", label: t("report.compared"), children: <DiffView run={run} report={report} step={step} /> }]
      : []),
    ...(step.captures.length
      ? [
          {
            key: "captures",
            label: `${t("steps.captures")} ${step.captures.length}`,
            children: <CaptureTable captures={step.captures} />,
          },
        ]
      : []),
    ...(step.request
      ? [{ key: "request", label: t("report.request"), children: <RequestView request={step.request} /> }]
      : []),
  ];
  return (
    <section aria-label={step.name}>
      <div className="actions" style={{ marginBottom: 8 }}>
        <h3 ref={heading} tabIndex={-1} style={{ margin: 0, outline: "none" }}>
          {step.path} {visible(step.name)}
        </h3>
        <Status status={step.status} />
        {step.phase === "teardown" && <span className="faint">{t("steps.teardown")}</span>}
        {step.tries > 1 && <span className="faint small">{t("report.tries", { count: step.tries })}</span>}
        {step.request && (
          <span>
            <strong>{step.request.method}</strong> <Mono text={step.request.url} limit={300} />
          </span>
        )}
        <span className="spring" />
        {step.request && (
          <Dropdown
            autoFocus
            trigger={["click"]}
            menu={{
              items: [
                { key: "bash", label: "bash" },
                { key: "cmd", label: "cmd" },
              ],
              onClick: ({ key }) => void copyCurl(key as "bash" | "cmd"),
            }}
          >
            <Button>{t("report.copyCurl")} ▾</Button>
          </Dropdown>
        )}
      </div>
      {(step.error || (bad && why && !step.asserts.some((one) => !one.passed))) && (
        <Alert
          type="error"
          showIcon
          title={why ?? step.error}
          description={step.error && why ? <Mono text={step.error} /> : undefined}
          style={{ marginBottom: 12 }}
        />
      )}
      {step.skip_reason && (
        <Alert type="info" showIcon title={t("report.skipped", { reason: word("reason", step.skip_reason) })} />
      )}
      {step.asserts.length > 0 && (bad || !step.response) && <AssertTable asserts={step.asserts} />}
      {missing.length > 0 && (
        <table className="grid">
          <tbody>
            {missing.map((one) => (
              <tr key={one.name}>
                <td>
                  <Status status="failed" />
                </td>
                <td>
                  {t("steps.capture")} <Mono text={one.name} />
                </td>
                <td>{one.error}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {(step.response || step.request || step.log_dropped) && (
        <ResponseView result={step} hideAsserts={bad} more={more} />
      )}
    </section>
  );
}

function RequestView({ request }: { request: NonNullable<StepResult["request"]> }) {
  const { t } = useTranslation();
  return (
    <div className="stack">
      <HeaderTable headers={request.headers} />
      {request.body && <PlainCode value={prettyJson(request.body)} label={t("steps.body")} />}
    </div>
  );
}

function CaptureTable({ captures }: { captures: StepResult["captures"] }) {
  return (
    <table className="grid">
      <tbody>
        {captures.map((one) => (
          <tr key={one.name}>
            <td>
              <Mono text={one.name} />
            </td>
            <td>{one.found ? <Value value={one.value} /> : one.error}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
