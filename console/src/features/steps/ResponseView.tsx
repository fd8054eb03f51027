import { App, Button, Popover, Tabs } from "antd";
import { type ReactNode, useEffect, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Assert, Capture, StepResult } from "~/api/types";
import { copyText, download } from "~/lib/copy";
import { type Json, parseJson, prettyJson } from "~/lib/json";
import { everyItem, type Found, valueAt } from "~/lib/jsonpath";
import { bytes, duration } from "~/lib/time";
import { Code } from "~/ui/Code";
import { Mono } from "~/ui/Mono";
import { PlainCode } from "~/ui/PlainCode";
import { Resizer, useHeight } from "~/ui/Resizer";
import { AssertTable } from "./AssertTable";
import { Timings } from "./Timings";
import "./steps.css";

interface Props {
  result: StepResult;
  /** What the editor adds when a value is chosen; without them values can only be copied. */
  onAssert?: (assert: Assert) => void;
  onCapture?: (capture: Capture) => void;
  /** Tabs beside those of the answer. */
  more?: { key: string; label: string; children: ReactNode }[];
  /** The assertions are shown elsewhere. */
  hideAsserts?: boolean;
}

/** The answer of a step: body with values to click, headers, assertions, times. */
export function ResponseView({ result, onAssert, onCapture, more = [], hideAsserts }: Props) {
  const { t } = useTranslation();
  const { response } = result;
  const type = response?.headers.find(([name]) => name.toLowerCase() === "content-type")?.[1];
  const bad = result.asserts.filter((one) => !one.passed).length;
  const answer = response && [
    {
      key: "body",
      label: t("report.body"),
      children: <Body result={result} onAssert={onAssert} onCapture={onCapture} />,
    },
    {
      key: "headers",
      label: `${t("report.headers")} ${response.headers.length}`,
      children: <HeaderTable headers={response.headers} onAssert={onAssert} onCapture={onCapture} />,
    },
    ...(hideAsserts
      ? []
      : [
          {
            key: "asserts",
            label: `${t("report.asserts")} ${bad ? t("report.badOf", { bad, total: result.asserts.length }) : result.asserts.length}`,
            children: <AssertTable asserts={result.asserts} />,
          },
        ]),
    { key: "timings", label: t("report.timings"), children: <Timings timings={result.timings_ms} /> },
  ];
  return (
    <>
      {!response && <p className="faint">{result.log_dropped ? t("report.logDropped") : t("report.noAnswer")}</p>}
      <Tabs
        size="small"
        className="answer-tabs"
        items={[...(answer ?? []), ...more]}
        tabBarExtraContent={
          response && (
            <span className="response-head num">
              {onAssert ? (
                <button
                  type="button"
                  className="link"
                  title={`${t("pick.equals")} ${response.status}`}
                  onClick={() => onAssert({ query: { type: "status" }, predicate: "==", value: response.status })}
                >
                  <strong>{response.status}</strong>
                </button>
              ) : (
                <strong>{response.status}</strong>
              )}
              <span>{duration(result.duration_ms)}</span>
              <span>{bytes(response.body_bytes)}</span>
              {type && <span className="faint small">{type}</span>}
            </span>
          )
        }
      />
    </>
  );
}

interface HeaderProps extends Pick<Props, "onAssert" | "onCapture"> {
  headers: [string, string][];
}

/** Headers of a message; in the editor each can become an assertion or a capture. */
export function HeaderTable({ headers, onAssert, onCapture }: HeaderProps) {
  const { t } = useTranslation();
  const variable = (name: string) => name.toLowerCase().replace(/\W+/g, "_");
  return (
    <table className="grid">
      <tbody>
        {headers.map(([name, value], index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: headers repeat
          <tr key={index}>
            <td>
              <Mono text={name} />
            </td>
            <td>
              <Mono text={value} />
            </td>
            {onAssert && onCapture && (
              <td className="nowrap">
                <button
                  type="button"
                  className="link small"
                  onClick={() => onAssert({ query: { type: "header", expr: name }, predicate: "==", value })}
                >
                  {t("steps.assert")}
                </button>
                <button
                  type="button"
                  className="link small"
                  onClick={() => onCapture({ name: variable(name), query: { type: "header", expr: name } })}
                >
                  {t("steps.capture")}
                </button>
              </td>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Without scrolling to where it is before it has its place. */
const focusFirst = (menu: HTMLElement | null) => menu?.querySelector("button")?.focus({ preventScroll: true });

function Body({ result, onAssert, onCapture }: Pick<Props, "result" | "onAssert" | "onCapture">) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const [picked, setPicked] = useState<(Found & { x: number; y: number }) | null>(null);
  const body = result.response?.body ?? "";
  const text = useMemo(() => prettyJson(body), [body]);
  const pane = useHeight("rounds.answer", 420);
  useEffect(() => {
    // The menu stands where was clicked: what is there moves away.
    const moves = ["resize", "wheel", "touchmove"] as const;
    const close = () => setPicked(null);
    for (const kind of moves) window.addEventListener(kind, close, { passive: true });
    return () => {
      for (const kind of moves) window.removeEventListener(kind, close);
    };
  }, []);
  if (!body) return <p className="faint">{t("report.emptyBody")}</p>;
  const done = () => setPicked(null);
  const add = (predicate: string, value?: Json) => {
    if (!picked) return;
    onAssert?.({ query: { type: "jsonpath", expr: picked.path }, predicate, ...(value !== undefined && { value }) });
    done();
  };
  const capture = () => {
    if (!picked) return;
    const name = /([A-Za-z_]\w*)\W*$/.exec(picked.path)?.[1] ?? "value";
    onCapture?.({ name, query: { type: "jsonpath", expr: picked.path } });
    done();
  };
  const types: Record<Found["kind"], string> = {
    object: "is_object",
    array: "is_list",
    string: "is_string",
    number: "",
    boolean: "is_boolean",
    null: "is_null",
  };
  const every = picked && everyItem(picked.path);
  const addEvery = (items: Json) => {
    const value = { type: "array", items };
    if (every) onAssert?.({ query: { type: "jsonpath", expr: every }, predicate: "matches_schema", value });
    done();
  };
  const scalar = picked && picked.kind !== "object" && picked.kind !== "array";
  const menu = picked && (
    <div className="pick-menu" ref={focusFirst}>
      <Mono text={picked.path} limit={200} />
      {onAssert && scalar && (
        <Button type="text" onClick={() => add("==", parseJson(picked.raw))}>
          {t("pick.equals")} {picked.raw.length > 40 ? `${picked.raw.slice(0, 40)}…` : picked.raw}
        </Button>
      )}
      {onAssert && picked.length !== null && (
        <Button type="text" onClick={() => add("count", picked.length as number)}>
          {t("pick.length", { count: picked.length })}
        </Button>
      )}
      {onAssert && (
        <Button type="text" onClick={() => add("exists")}>
          {t("pick.exists")}
        </Button>
      )}
      {onAssert && types[picked.kind] && (
        <Button type="text" onClick={() => add(types[picked.kind])}>
          {t("pick.type", { kind: picked.kind })}
        </Button>
      )}
      {onAssert && every && scalar && (
        <Button type="text" onClick={() => addEvery({ const: parseJson(picked.raw) })}>
          {t("pick.eachEquals")} {picked.raw.length > 40 ? `${picked.raw.slice(0, 40)}…` : picked.raw}
        </Button>
      )}
      {onAssert && every && (
        <Button type="text" onClick={() => addEvery({ type: picked.kind })}>
          {t("pick.each")} {picked.kind}
        </Button>
      )}
      {onCapture && (
        <Button type="text" onClick={capture}>
          {t("pick.capture")}
        </Button>
      )}
      <Button
        type="text"
        onClick={() => {
          void copyText(picked.path);
          void message.success(t("action.copied"));
          done();
        }}
      >
        {t("pick.copyPath")}
      </Button>
    </div>
  );
  return (
    <>
      {onAssert && (
        <p className="faint small" style={{ margin: "0 0 8px" }}>
          {t("pick.hint")}
        </p>
      )}
      {result.response?.truncated && (
        <p className="faint small">
          {t("report.truncated")}{" "}
          <button type="button" className="link" onClick={() => download("body.txt", new Blob([body]))}>
            {t("action.download")}
          </button>
        </p>
      )}
      {!onAssert && <PlainCode value={text} label={t("report.body")} />}
      {onAssert && (
        <>
          <Code
            value={text}
            label={t("report.body")}
            maxHeight={pane.height}
            onPick={(offset, place) => {
              const found = valueAt(text, offset);
              setPicked(found && { ...found, ...place });
            }}
          />
          <Resizer label={t("pick.pane")} {...pane} />
        </>
      )}
      {picked && (
        <Popover open content={menu} trigger="click" placement="rightTop" onOpenChange={(open) => !open && done()}>
          <span style={{ position: "fixed", left: picked.x, top: picked.y, width: 1, height: 1 }} />
        </Popover>
      )}
    </>
  );
}
