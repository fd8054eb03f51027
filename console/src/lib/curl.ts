export interface Sent {
  method: string;
  url: string;
  headers: [string, string][];
  body: string | null;
}

/** One word of bash: nothing in it is expanded. NUL cannot be passed to a program and is left out. */
export function bashQuote(text: string): string {
  const clean = text.replaceAll("\0", "");
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(clean) ? clean : `'${clean.replaceAll("'", `'\\''`)}'`;
}

/** One word of cmd.exe for a program with C rules of quoting. */
export function cmdQuote(text: string): string {
  const clean = text.replaceAll("\0", "");
  const escaped = clean.replace(/(\\*)"/g, '$1$1\\"').replace(/(\\+)$/, "$1$1");
  return `"${escaped.replaceAll("%", '"^%"').replace(/\r?\n/g, '"^\n\n"')}"`;
}

/**
 * A command that sends the request again. Masked values (`***`) become the variable ROUNDS_TOKEN, with a first line
 * that says how to set it.
 */
export function toCurl(sent: Sent, shell: "bash" | "cmd"): string {
  const quote = shell === "bash" ? bashQuote : cmdQuote;
  const variable = shell === "bash" ? `"$ROUNDS_TOKEN"` : "%ROUNDS_TOKEN%";
  let masked = false;
  const word = (text: string) => {
    if (!text.includes("***")) return quote(text);
    masked = true;
    if (shell === "cmd") return text.split("***").map(cmdQuote).join(variable);
    return text
      .split("***")
      .map((part) => (part ? bashQuote(part) : ""))
      .join(variable);
  };
  const parts = [`curl -X ${sent.method}`, word(sent.url)];
  for (const [name, value] of sent.headers) {
    if (!/^(content-length|host|accept-encoding|connection)$/i.test(name))
      parts.push(`-H ${word(`${name}: ${value}`)}`);
  }
  if (sent.body) parts.push(`--data-raw ${word(sent.body)}`);
  const command = parts.join(shell === "bash" ? " \\\n  " : " ^\n  ");
  if (!masked) return command;
  return `${shell === "bash" ? "ROUNDS_TOKEN='…'  # the secret" : "set ROUNDS_TOKEN=…"}\n${command}`;
}
