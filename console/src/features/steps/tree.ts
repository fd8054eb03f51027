import type { Document, Pairs, Step, StepResult } from "~/api/types";

/** Where a step stands: `steps.0`, `steps.2.steps.1`, `teardown.0`. A list is named like its last step without the number. */
export type Place = string;

const split = (place: Place) => {
  const at = place.lastIndexOf(".");
  return { list: place.slice(0, at), index: Number(place.slice(at + 1)) };
};

function listAt(document: Document, list: string): Step[] {
  let found: unknown = document;
  for (const part of list.split(".")) found = (found as Record<string, unknown> | undefined)?.[part];
  return (found as Step[] | undefined) ?? [];
}

function withList(document: Document, list: string, change: (steps: Step[]) => Step[]): Document {
  const copy = structuredClone(document);
  const parts = list.split(".");
  let owner = copy as unknown as Record<string, unknown>;
  for (const part of parts.slice(0, -1)) owner = owner[part] as Record<string, unknown>;
  const last = parts.at(-1) as string;
  owner[last] = change((owner[last] as Step[] | undefined) ?? []);
  return copy;
}

export function stepAt(document: Document, place: Place | null): Step | undefined {
  if (!place) return undefined;
  const { list, index } = split(place);
  return listAt(document, list)[index];
}

export function replaceStep(document: Document, place: Place, step: Step): Document {
  const { list, index } = split(place);
  return withList(document, list, (steps) => steps.map((one, at) => (at === index ? step : one)));
}

export function removeStep(document: Document, place: Place): Document {
  const { list, index } = split(place);
  return withList(document, list, (steps) => steps.filter((_, at) => at !== index));
}

/** Put steps after a place; without one at the end of the main steps. */
export function insertAfter(
  document: Document,
  place: Place | null,
  added: Step[],
): { document: Document; place: Place } {
  const { list, index } = place ? split(place) : { list: "steps", index: document.steps.length - 1 };
  const changed = withList(document, list, (steps) => steps.toSpliced(index + 1, 0, ...added));
  return { document: changed, place: `${list}.${index + 1}` };
}

/** Move a step before another, or to the end of a list. Answers null where it would go into itself. */
export function moveStep(
  document: Document,
  from: Place,
  list: string,
  before: Place | null,
): { document: Document; place: Place } | null {
  if (list.startsWith(`${from}.`)) return null;
  const step = stepAt(document, from);
  if (!step) return null;
  const marked = replaceStep(document, from, { type: GONE });
  const index = before ? split(before).index : listAt(marked, list).length;
  const inserted = withList(marked, list, (steps) => steps.toSpliced(index, 0, { type: HERE }));
  const cleaned = structuredClone(inserted);
  cleaned.steps = drop(inserted.steps);
  if (inserted.teardown) cleaned.teardown = drop(inserted.teardown);
  const place = find(cleaned, (one) => one.type === HERE) as Place;
  return { document: replaceStep(cleaned, place, step), place };
}

const GONE = "moved from here";
const HERE = "moved to here";

function drop(steps: Step[]): Step[] {
  return steps
    .filter((step) => step.type !== GONE)
    .map((step) => (step.steps ? { ...step, steps: drop(step.steps) } : step));
}

function find(document: Document, wanted: (step: Step, place: Place) => boolean): Place | null {
  const search = (steps: Step[], list: string): Place | null => {
    for (const [index, step] of steps.entries()) {
      if (wanted(step, `${list}.${index}`)) return `${list}.${index}`;
      const inside = step.steps && search(step.steps, `${list}.${index}.steps`);
      if (inside) return inside;
    }
    return null;
  };
  return search(document.steps, "steps") ?? search(document.teardown ?? [], "teardown");
}

/** Where a step could go from a place: beside its neighbours, into the group above it, out of its own group. */
export function neighbours(document: Document, place: Place) {
  const { list, index } = split(place);
  const steps = listAt(document, list);
  const at = (number: number) => (number >= 0 && number < steps.length ? `${list}.${number}` : null);
  const parent = list.endsWith(".steps") ? list.slice(0, -".steps".length) : null;
  const outer = parent === null ? null : split(parent);
  const after = outer && `${outer.list}.${outer.index + 1}`;
  return {
    list,
    previous: at(index - 1),
    next: at(index + 1),
    afterNext: at(index + 2),
    groupAbove: steps[index - 1]?.type === "group" ? `${list}.${index - 1}.steps` : null,
    outer: outer?.list ?? null,
    afterParent: after && stepAt(document, after) ? after : null,
  };
}

/** The number that reports show for a place: `steps.2.steps.0` is `3.1`. */
export function numberOf(place: Place): string {
  return place
    .split(".")
    .filter((part) => /^\d+$/.test(part))
    .map((part) => Number(part) + 1)
    .join(".");
}

/** The last result of the step at a place; iterations of loops stand between the numbers. */
export function resultAt(results: StepResult[], document: Document, place: Place): StepResult | undefined {
  const parts = place.split(".");
  let pattern = "";
  for (let at = 1; at < parts.length; at += 2) {
    const step = stepAt(document, parts.slice(0, at + 1).join("."));
    pattern += `${pattern ? "\\." : ""}${Number(parts[at]) + 1}`;
    if (at + 2 < parts.length && (step?.for_each || step?.repeat_until)) pattern += "\\.\\d+";
  }
  const phase = parts[0] === "teardown" ? "teardown" : "main";
  const whole = new RegExp(`^(?:teardown\\.)?${pattern}$`);
  return results.findLast((result) => (result.phase ?? "main") === phase && whole.test(result.path));
}

/** Where the step stands that a report calls by this path; of a called case's steps the step that calls it. */
export function placeOf(document: Document, path: string): Place | null {
  const phase = path.startsWith("teardown.") ? "teardown" : "main";
  for (let known = path; known; known = known.slice(0, Math.max(0, known.lastIndexOf(".")))) {
    const place = find(
      document,
      (_, at) => resultAt([{ path: known, phase } as StepResult], document, at) !== undefined,
    );
    if (place) return place;
  }
  return null;
}

export function countSteps(steps: Step[]): number {
  return steps.reduce((count, step) => count + 1 + countSteps(step.steps ?? []), 0);
}

/** Pairs in either form of a document, as a list. */
export function asPairs(pairs: Pairs | undefined): [string, string][] {
  return Array.isArray(pairs) ? pairs : Object.entries(pairs ?? {});
}

/** Pairs as a document likes them: an object, or a list where a name repeats or is still empty. */
export function fromPairs(pairs: [string, string][]): Pairs | undefined {
  if (!pairs.length) return undefined;
  const names = pairs.map(([name]) => name);
  return new Set(names).size === names.length && !names.includes("") ? Object.fromEntries(pairs) : pairs;
}

/** A step without the fields that say nothing. */
export function tidy(step: Step): Step {
  return Object.fromEntries(
    Object.entries(step).filter(([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0)),
  ) as Step;
}
