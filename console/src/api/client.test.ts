import { beforeEach, expect, test, vi } from "vitest";

const kept = new Map<string, string>();
vi.stubGlobal("localStorage", {
  getItem: (key: string) => kept.get(key) ?? null,
  setItem: (key: string, value: string) => kept.set(key, value),
  removeItem: (key: string) => kept.delete(key),
});
vi.stubGlobal("window", { addEventListener: () => undefined, dispatchEvent: () => true });
vi.mock("~/i18n", () => ({ default: { language: "en", t: (key: string) => key } }));
const { call } = await import("./client");
const { getLost, setSession } = await import("./session");

const user = { id: 1, username: "alice", name: "Alice", is_superuser: false, must_change_password: false };
const refused = () => Response.json({ code: "not_authenticated", reason: "replaced" }, { status: 401 });

beforeEach(() => setSession({ token: "old", user }));

test("a refused token ends the session that it belongs to", async () => {
  vi.stubGlobal("fetch", async () => refused());
  await expect(call("GET", "/runs")).rejects.toMatchObject({ status: 401 });
  expect(getLost()).toMatchObject({ reason: "replaced" });
});

test("a late refusal of a token that a new log-in has replaced ends nothing", async () => {
  let answer: (response: Response) => void = () => undefined;
  vi.stubGlobal("fetch", () => new Promise<Response>((resolve) => (answer = resolve)));
  const asked = call("GET", "/runs");
  setSession({ token: "new", user });
  answer(refused());
  await expect(asked).rejects.toMatchObject({ status: 401 });
  expect(getLost()).toBeNull();
});
