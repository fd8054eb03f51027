import { createContext, useContext } from "react";
import type { Document, Environment, Project, Step } from "~/api/types";

/** Functions that a template may use. */
const FUNCTIONS = [
  "$uuid",
  "$timestamp",
  "$iso_date",
  "$random_int 1 9",
  "$base64",
  "$sha256",
  "$hmac_sha256",
  "$env.name",
];

/** The names that templates may use here, and what to do about one that is not among them. */
export interface Names {
  known: string[];
  /** Of the names in a value those that nothing defines. */
  unknown: (value: unknown) => string[];
}

export const NamesContext = createContext<Names>({ known: FUNCTIONS, unknown: () => [] });

export function useNames(): Names {
  return useContext(NamesContext);
}

const NAME = /(\\?)\{\{\s*([\p{L}_][\p{L}\p{N}_-]*)[^{}]*\}\}/gu;

/** The names that the templates in a value use, each once. */
export function namesIn(value: unknown, found = new Set<string>()): Set<string> {
  if (typeof value === "string") {
    for (const [, slash, name] of value.matchAll(NAME)) if (!slash) found.add(name as string);
  } else if (typeof value === "object" && value !== null) {
    for (const one of Object.values(value)) namesIn(one, found);
  }
  return found;
}

/** Gathers the names that steps define; answers whether a case is called: what that captures is not known here. */
function defined(steps: Step[], names: Set<string>): boolean {
  let calls = false;
  for (const step of steps) {
    for (const capture of step.captures ?? []) names.add(capture.name);
    for (const name of Object.keys(step.variables ?? {})) names.add(name);
    if (step.for_each) names.add(step.for_each.as);
    if (typeof step.as === "string") names.add(step.as);
    calls = step.type === "call" || calls;
    calls = defined(step.steps ?? [], names) || calls;
  }
  return calls;
}

/** What the templates of a case can use, from its project, an environment and the case itself. */
export function namesFor(document: Document, project: Project, environment: Environment | undefined): Names {
  const names = new Set<string>();
  const urls = Object.keys(environment?.base_urls ?? {});
  if (urls.includes("default")) names.add("base_url");
  const paths = urls.filter((one) => one !== "default").map((one) => `base_urls.${one}`);
  for (const source of [project.variables, environment?.variables, document.variables, ...(document.data ?? [])]) {
    for (const name of Object.keys(source ?? {})) names.add(name);
  }
  for (const secret of environment?.secrets ?? []) names.add(secret.name);
  const open = defined([...document.steps, ...(document.teardown ?? [])], names);
  names.delete("");
  const known = [...[...names].sort(), ...paths, ...FUNCTIONS];
  const all = new Set([...names, "base_urls"]);
  return { known, unknown: (value) => (open ? [] : [...namesIn(value)].filter((name) => !all.has(name))) };
}
