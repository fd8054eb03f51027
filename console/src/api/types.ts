import type { Json } from "~/lib/json";

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

export interface Person {
  id: number;
  username: string | null;
}

export interface Stamps {
  revision: number;
  created_at: string;
  updated_at: string;
  created_by: Person;
  updated_by: Person;
}

export interface Project extends Stamps {
  id: number;
  name: string;
  description: string;
  variables: Record<string, Json>;
  egress_allow: string[];
  default_environment_id: number | null;
  case_count: number;
  can_write: boolean;
}

export interface Environment extends Stamps {
  id: number;
  project_id: number;
  name: string;
  base_urls: Record<string, string>;
  headers: Record<string, string>;
  variables: Record<string, Json>;
  secrets: { name: string; updated_at: string }[];
  is_default: boolean;
  verify_tls: boolean;
  proxy: string | null;
}

export interface Module extends Stamps {
  id: number;
  project_id: number;
  parent_id: number | null;
  name: string;
  position: number;
  path: string[];
  case_count: number;
}

export interface CaseItem extends Stamps {
  id: number;
  project_id: number;
  module_id: number;
  name: string;
  tags: string[];
  step_count: number;
  calls: number[];
  called_by: number[];
}

export interface CaseRead extends CaseItem {
  document: Document;
}

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
  repeat_until?: Record<string, Json>;
  when?: Record<string, Json>;
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

export interface Task {
  id: number;
  task_name: string;
  case_ids: number[];
  targets: Record<string, Json>[];
  owner_ids: number[];
  parallel: number;
  max_parallel: number;
  environments: Record<string, number>;
  failed_stop: boolean;
  only_failed_log: boolean;
  notify: string;
  cron: string | null;
  timezone: string | null;
  until: string | null;
  overlap: string;
  misfire_grace_seconds: number | null;
  max_retries: number;
  retry_delay_seconds: number;
  status: string;
  paused: boolean;
  scheduled_at: string;
  next_due_at: string | null;
  execution_count: number;
  last_run: { run_id: string | null; status: string; pass_rate: number | null } | null;
  lag_ms: number | null;
  created_by: Person;
  updated_by: Person;
}

export interface NextTimes {
  timezone: string;
  times: { at: string; local: string; dst: "gap" | "fold" | null; meant: string | null }[];
}

export interface Occurrence {
  due_at: string;
  manual: boolean;
  outcome: string;
  reason: string | null;
  lag_ms: number | null;
  missed: { from_at: string; to_at: string; count: number } | null;
  firings: {
    attempt: number;
    max_attempts: number;
    trigger: string;
    state: string;
    reason: string | null;
    run_id: string | null;
    started_at: string | null;
    pass_rate: number | null;
  }[];
}

export interface Run {
  run_id: string;
  task_id: number | null;
  task_name: string | null;
  trigger: string;
  attempt: number;
  max_attempts: number;
  final: boolean;
  status: string;
  reason: string | null;
  parallel: number;
  environments: Record<string, { id: number; name: string | null; revision: number | null }>;
  owner_ids: number[];
  requested_by: Person | number | null;
  due_at: string | null;
  started_at: string | null;
  finished_at: string | null;
  created_at?: string;
  duration_ms: number | null;
  cases_total: number;
  cases_done: number;
  cases_passed: number;
  cases_failed: number;
  cases_error: number;
  cases_skipped: number;
  cases_cancelled: number;
  pass_rate: number | null;
  step_pass_rate: number | null;
  new?: number;
  recovered?: number;
  flaky?: number;
}

export interface CaseRun {
  case_id: number;
  position: number;
  row: number | null;
  name: string;
  project: { id: number; name: string | null } | null;
  revision: number | null;
  status: string;
  reason: string | null;
  failure_class: string | null;
  flaky: boolean;
  starts: number;
  steps_total: number;
  steps_passed: number;
  steps_failed: number;
  steps_error: number;
  steps_skipped: number;
  pass_rate: number | null;
  started_at: string | null;
  finished_at: string | null;
  duration_ms: number | null;
}

export interface RunDetail extends Run {
  cases: CaseRun[];
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

export interface CaseReport extends CaseRun {
  run_id: string;
  definition: Document | null;
  variables: { name: string; source: string; step?: string | null; value: Json }[] | null;
  baseline?: { run_id: string; row: number | null; revision: number; finished_at: string } | null;
  steps: StepResult[];
  next_cursor: string | null;
  purged?: boolean;
}

export interface LastResult {
  case_id: number;
  run_id: string;
  status: string;
  pass_rate: number | null;
  finished_at: string;
}

export interface TrendPoint {
  day: string;
  runs?: number;
  pass_rate: number | null;
  p50_ms?: number | null;
  p95_ms?: number | null;
  flaky?: number | null;
}

export interface Delivery {
  id: string;
  run_id: string;
  task_id: number;
  task_name: string;
  channel: { id: number; kind: string; name: string | null };
  recipient: { kind: string; id: number; name: string | null };
  status: string;
  reason: string | null;
  error: string | null;
  via: string | null;
  tries: number;
  next_try_at: string | null;
  created_at: string;
  ended_at: string | null;
}

export interface ListedUser {
  id: number;
  username: string;
  real_name: string;
  is_active: boolean;
  email?: string;
  is_superuser?: boolean;
  must_change_password?: boolean;
  last_login_utc?: string | null;
  projects?: { id: number; name: string }[];
}

export interface Platform {
  version: string;
  timezone: string;
  languages: string[];
  password_rules: { min_length: number; not_default: boolean };
  first_run: boolean;
  mail_configured: boolean | null;
}

export interface Settings {
  user_id: number;
  environments: Record<string, number>;
  failed_stop: boolean;
  only_failed_log: boolean;
  language: "zh" | "en";
  notify: { email: boolean };
}
