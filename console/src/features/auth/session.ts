import { call } from "~/api/client";
import { queryClient } from "~/api/queries";
import { type Session, setSession, type User } from "~/api/session";
import { forgetDrafts } from "~/lib/draft";

interface LoggedIn {
  token: string;
  user_info: User;
}

/** Log in; whoever was logged in under that name elsewhere is out. Raises: ApiError. */
export async function logIn(username: string, password: string): Promise<Session> {
  const answer = await call<LoggedIn>("POST", "/user/login", { body: { username, password }, anonymous: true });
  const session = { token: answer.token, user: answer.user_info };
  setSession(session);
  return session;
}

/** Change the password, which ends the session, and log in again with the new one. */
export async function changePassword(username: string, old: string, password: string): Promise<void> {
  await call("POST", "/user/change-password", { body: { old_password: old, password } });
  await logIn(username, password);
  await queryClient.invalidateQueries();
}

/** Log out here and in every tab; drafts go too. */
export async function logOut(): Promise<void> {
  try {
    await call("POST", "/user/logout");
  } finally {
    await forgetDrafts();
    queryClient.clear();
    setSession(null);
  }
}

/** Where to go after the log-in: only paths of this console. */
export function safeNext(next: unknown): string {
  const path = String(next ?? "");
  return path.startsWith("/console/") && new URL(path, location.origin).origin === location.origin ? path : "/console/";
}
