import i18n from "~/i18n";
import { parseJson, writeJson } from "~/lib/json";
import { heard } from "./reach";
import { getSession, loseSession, setSession } from "./session";

export interface FieldFault {
  field: string;
  reason: string;
  msg?: string;
  ids?: number[];
}

/** A refusal by the API, or the lack of an answer (`code` is then `offline` or `timeout`, status 0). */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly errors: FieldFault[];
  readonly requestId: string | null;
  /** Seconds to wait before trying again. */
  readonly retryAfter: number | null;
  readonly body: Record<string, unknown>;

  constructor(status: number, body: Record<string, unknown>, headers?: Headers) {
    super(String(body.msg ?? i18n.t("error.unreadable", { status })));
    this.status = status;
    this.code = String(body.code ?? "unknown");
    this.errors = (body.errors as FieldFault[] | undefined) ?? [];
    this.requestId = headers?.get("x-request-id") ?? null;
    this.retryAfter = headers?.has("retry-after") ? Number(headers.get("retry-after")) : null;
    this.body = body;
  }
}

export interface Options {
  /** A list repeats its name. */
  query?: Record<string, string | number | boolean | null | undefined | string[]>;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** Milliseconds until it counts as unanswered. */
  timeout?: number;
  /** A 401 here is an answer like others: it does not end the session. */
  anonymous?: boolean;
}

export function authHeaders(): Record<string, string> {
  const session = getSession();
  return {
    "Accept-Language": i18n.language === "en" ? "en" : "zh",
    ...(session && { Authorization: `Token ${session.token}` }),
  };
}

/** Ask, and give back the raw response. Raises: ApiError. */
export async function fetchApi(method: string, path: string, options: Options = {}): Promise<Response> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(options.query ?? {})) {
    if (Array.isArray(value)) for (const one of value) query.append(name, one);
    else if (value !== undefined && value !== null && value !== "") query.set(name, String(value));
  }
  const timeout = AbortSignal.timeout(options.timeout ?? 15_000);
  const headers: Record<string, string> = { ...(options.anonymous ? {} : authHeaders()), ...options.headers };
  headers["Accept-Language"] = i18n.language === "en" ? "en" : "zh";
  if (options.body !== undefined) headers["Content-Type"] = "application/json";
  let response: Response;
  try {
    response = await fetch(query.size ? `${path}?${query}` : path, {
      method,
      headers,
      body: options.body === undefined ? undefined : writeJson(options.body),
      signal: options.signal ? AbortSignal.any([options.signal, timeout]) : timeout,
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    if (!timeout.aborted) heard(false);
    const code = timeout.aborted ? "timeout" : "offline";
    throw new ApiError(0, { code, msg: i18n.t(`error.${code}`) });
  }
  // What a gateway says for a service that is gone is no answer of the API.
  heard(response.status !== 502 && response.status !== 504);
  if (response.ok || response.status === 304) return response;
  const body = await readBody(response);
  const error = new ApiError(response.status, body, response.headers);
  // A late refusal of a token that a new log-in has replaced says nothing of the session that there is now.
  if (error.status === 401 && !options.anonymous && headers.Authorization === authHeaders().Authorization) {
    loseSession({ reason: String(body.reason ?? "unknown"), replaced_at: (body.replaced_at as string) ?? null });
  }
  const session = getSession();
  if (error.code === "must_change_password" && session && !session.user.must_change_password) {
    setSession({ ...session, user: { ...session.user, must_change_password: true } });
  }
  throw error;
}

async function readBody(response: Response): Promise<Record<string, unknown>> {
  try {
    return parseJson(await response.text());
  } catch {
    return {};
  }
}

/** Ask, and read the JSON answer. Raises: ApiError. */
export async function call<T>(method: string, path: string, options: Options = {}): Promise<T> {
  const response = await fetchApi(method, path, options);
  return response.status === 204 ? (undefined as T) : parseJson<T>(await response.text());
}

const kept = new Map<string, { etag: string; answer: unknown }>();

/** Ask for what changes seldom: while it has not changed, the server says only that. Raises: ApiError. */
export async function callUnlessSame<T>(path: string, options: Options = {}): Promise<T> {
  const key = `${getSession()?.token} ${path} ${JSON.stringify(options.query)}`;
  const before = kept.get(key);
  const headers = { ...options.headers, ...(before && { "If-None-Match": before.etag }) };
  const response = await fetchApi("GET", path, { ...options, headers });
  if (before && response.status === 304) return before.answer as T;
  const answer = parseJson<T>(await response.text());
  const etag = response.headers.get("etag");
  if (kept.size > 20) kept.clear();
  if (etag) kept.set(key, { etag, answer });
  return answer;
}

/** A key under which the server gives the same answer to the same request. */
export function idempotencyKey(): Record<string, string> {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return { "Idempotency-Key": Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("") };
}
