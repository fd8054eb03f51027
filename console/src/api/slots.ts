/** How many tabs of this browser may hold a stream: it gives an origin six connections, and calls need some of them. */
const SLOTS = ["rounds.stream.1", "rounds.stream.2", "rounds.stream.3"];
const FRESH_MS = 15_000;
const SETTLE_MS = 300;
const me = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16)).join("");

function holder(slot: string): string | null {
  const [tab = null, at = "0"] = (localStorage.getItem(slot) ?? "").split(" ");
  return Date.now() - Number(at) < FRESH_MS ? tab : null;
}

/**
 * Claim one of the streams that all tabs share; answers what gives it back, or null while all are taken. Of tabs that
 * claim one at the same moment the last to write has it, so a claim counts once it has stood for a moment.
 */
export async function takeSlot(): Promise<(() => void) | null> {
  const free = SLOTS.filter((one) => [null, me].includes(holder(one)));
  const slot = free[Math.floor(Math.random() * free.length)];
  if (!slot) return null;
  const renew = () => localStorage.setItem(slot, `${me} ${Date.now()}`);
  renew();
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS * (1 + Math.random())));
  if (holder(slot) !== me) return null;
  const timer = setInterval(renew, FRESH_MS / 3);
  const release = () => {
    clearInterval(timer);
    removeEventListener("pagehide", release);
    if (holder(slot) === me) localStorage.removeItem(slot);
  };
  addEventListener("pagehide", release);
  return release;
}
