/** How many tabs of this browser may hold a stream: it gives an origin six connections, and calls need some of them. */
const MOST = 3;
const KEY = "rounds.streams";
const FRESH_MS = 15_000;
const me = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16)).join("");

function others(): Record<string, number> {
  const all = JSON.parse(localStorage.getItem(KEY) ?? "{}") as Record<string, number>;
  return Object.fromEntries(Object.entries(all).filter(([tab, at]) => tab !== me && Date.now() - at < FRESH_MS));
}

/** Claim one of the streams that all tabs share; answers what gives it back, or null while all are taken. */
export function takeSlot(): (() => void) | null {
  if (Object.keys(others()).length >= MOST) return null;
  const renew = () => localStorage.setItem(KEY, JSON.stringify({ ...others(), [me]: Date.now() }));
  const release = () => {
    clearInterval(timer);
    removeEventListener("pagehide", release);
    localStorage.setItem(KEY, JSON.stringify(others()));
  };
  renew();
  const timer = setInterval(renew, FRESH_MS / 3);
  addEventListener("pagehide", release);
  return release;
}
