import { useSyncExternalStore } from "react";

/** Who is logged in, as the log-in answered it. */
export interface User {
  id: number;
  username: string;
  name: string;
  is_superuser: boolean;
  must_change_password: boolean;
}

export interface Session {
  token: string;
  user: User;
}

/** Why the server no longer knows the token; the page stays, and asks for the password over it. */
export interface Lost {
  reason: string;
  replaced_at: string | null;
}

const KEY = "rounds.session";
const listeners = new Set<() => void>();
let session: Session | null = read();
let lost: Lost | null = null;

function read(): Session | null {
  const text = localStorage.getItem(KEY);
  return text ? (JSON.parse(text) as Session) : null;
}

function tell(): void {
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

// One live token per user: a log-in or log-out in one tab is one in all of them.
window.addEventListener("storage", (event) => {
  if (event.key !== KEY) return;
  session = read();
  lost = null;
  tell();
});

export function getSession(): Session | null {
  return session;
}

export function setSession(next: Session | null): void {
  session = next;
  lost = null;
  if (next) localStorage.setItem(KEY, JSON.stringify(next));
  else localStorage.removeItem(KEY);
  tell();
}

export function loseSession(why: Lost): void {
  lost = why;
  tell();
}

export function getLost(): Lost | null {
  return lost;
}

export function useSession(): Session | null {
  return useSyncExternalStore(subscribe, () => session);
}

export function useLost(): Lost | null {
  return useSyncExternalStore(subscribe, getLost);
}
