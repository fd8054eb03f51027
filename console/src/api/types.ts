// The shapes of the API: those that `docs/openapi.json` describes are generated; what it calls any JSON is said here.
import type { Json } from "~/lib/json";
import type { components } from "./gen/schema";

type Schemas = components["schemas"];
type With<Base, Change> = Omit<Base, keyof Change> & Change;

export interface Page<T> {
  total: number;
  page: number;
  page_size: number;
  data: T[];
}

export interface Cursor<T> {
  data: T[];
  next_cursor: string | null;
}

export type Project = With<Schemas["ProjectRead"], { variables: Record<string, Json> }>;
export type Environment = With<Schemas["EnvironmentRead"], { variables: Record<string, Json> }>;
export type Module = Schemas["ModuleRead"];
export type CaseItem = Schemas["CaseItem"];
export type CaseRead = With<Schemas["CaseRead"], { document: Document }>;
export type Revision = Schemas["RevisionItem"];
export type Converted = With<Schemas["ConvertRead"], { steps: Step[] }>;
export type Sample = Schemas["SampleRead"];
export type Task = Schemas["TaskState"];
export type NextTimes = Schemas["NextTimes"];
export type Occurrence = Schemas["OccurrenceRead"];
export type Upcoming = Schemas["UpcomingTimes"];
export type SchedulerStatus = Schemas["SchedulerStatus"];
export type Workers = Schemas["WorkersRead"];
export type Run = Schemas["RunListed"];
export type CaseRun = Schemas["CaseRunRead"];
export type RunDetail = Schemas["RunRead"];
export type CaseReport = With<
  Schemas["CaseReport"],
  { definition: Document | null; steps: StepResult[]; variables: With<Schemas["VariableRead"], { value: Json }>[] }
>;
export type ProjectRate = Schemas["ProjectRate"];
export type LastResult = Schemas["LastResult"];
export type TrendDay = Schemas["TrendDay"];
export type Delivery = Schemas["DeliveryRead"];
export type DeliveryDetail = Schemas["DeliveryDetail"];
export type Channel = Schemas["ChannelRead"];
export type ListedUser = Schemas["UserRead"] & Partial<Schemas["UserReadFull"]>;
export type Platform = Schemas["Platform"];
export type Settings = Schemas["SettingsRead"];
export type Preferences = Schemas["PreferenceRead"];
export type Token = Schemas["TokenRead"];
export type AuditEntry = With<Schemas["AuditRead"], { before: Json; after: Json }>;
export type StepDiff = With<
  Schemas["StepDiff"],
  {
    http_status: { before: number; now: number } | null;
    headers: { name: string; before: string | null; now: string | null }[];
    json_paths: { path: string; change: "added" | "removed" | "changed"; before: Json; now: Json }[];
  }
>;

export interface Query {
  type: string;
  expr?: string;
}

export interface Assert {
  query: Query;
  predicate: string;
  not?: boolean;
  value?: Json;
}

export interface Capture {
  name: string;
  query: Query;
  optional?: boolean;
  default?: Json;
}

export type Pairs = Record<string, string> | [string, string][];

export interface Request {
  method?: string;
  url: string;
  headers?: Pairs;
  query?: Pairs;
  auth?: { type: string; [key: string]: Json };
  body?: { json?: Json; text?: string; form?: Pairs; [key: string]: unknown };
}

export interface Step {
  type: string;
  name?: string;
  enabled?: boolean;
  request?: Request;
  asserts?: Assert[];
  captures?: Capture[];
  options?: Record<string, Json>;
  duration_ms?: number;
  variables?: Record<string, Json>;
  case_id?: number;
  steps?: Step[];
  for_each?: { in: Json; as: string; max?: number };
  repeat_until?: Assert & { max: number; interval_ms?: number };
  when?: Assert;
  [key: string]: unknown;
}

/** A case as `caselang` reads it. */
export interface Document {
  apiVersion: string;
  kind: string;
  name: string;
  tags?: string[];
  variables?: Record<string, Json>;
  data?: Record<string, Json>[];
  options?: Record<string, Json>;
  steps: Step[];
  teardown?: Step[];
}

export interface Message {
  headers: [string, string][];
  body: string | null;
  body_bytes: number | null;
  truncated: boolean;
  encoding?: string | null;
}

export interface AssertResult {
  query: Query;
  predicate: string;
  not: boolean;
  expected: Json;
  actual: Json;
  passed: boolean;
  message: string | null;
}

export interface StepResult {
  seq: number;
  path: string;
  name: string;
  type: string;
  phase: string;
  iteration: number | null;
  status: string;
  failure_class: string | null;
  error: string | null;
  skip_reason: string | null;
  tries: number;
  flaky: boolean;
  started_at: string | null;
  duration_ms: number | null;
  request: (Message & { method: string; url: string; masked?: { pointer: string; name: string }[] }) | null;
  response: (Message & { status: number; http_version: string }) | null;
  timings_ms: Record<string, number | null> | null;
  asserts: AssertResult[];
  captures: { name: string; value: Json; found: boolean; error: string | null }[];
  log_dropped?: boolean;
}
