import { createServer } from "node:http";
import type { AddressInfo, Server } from "node:net";

export interface Stub {
  url: string;
  close: () => Promise<void>;
}

export async function address(server: Server): Promise<{ port: number; close: () => Promise<void> }> {
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const { port } = server.address() as AddressInfo;
  return { port, close: () => new Promise((done) => server.close(() => done())) };
}

export interface Seen {
  method: string;
  url: string;
  headers: [string, string][];
  body: string;
}

/** What it answers: a number beyond 2^53, awkward keys, and what it was sent. */
const ANSWER = {
  id: "@",
  state: "paid",
  fee: 1.5,
  items: [{ sku: "a-1" }, { sku: "a-2" }],
  "a b": 1,
  "it's": true,
  '["]': "odd",
  中文: "值",
};

/**
 * A target of cases. `PUT /_answer/x` settles what `/x` answers from then on, `GET /_seen/x` tells what `/x` was sent;
 * `/gate…` answers only once its answer is settled, `/big` answers one line of 5 MB.
 */
export async function target(): Promise<Stub> {
  const answers = new Map<string, string>();
  const seen = new Map<string, Seen[]>();
  const held = new Map<string, (() => void)[]>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      const url = request.url ?? "/";
      const json = (text: string) => response.writeHead(200, { "Content-Type": "application/json" }).end(text);
      if (request.method === "PUT" && url.startsWith("/_answer/")) {
        answers.set(url.slice(8), body);
        for (const go of held.get(url.slice(8)) ?? []) go();
        return json("{}");
      }
      if (url.startsWith("/_seen/")) return json(JSON.stringify(seen.get(url.slice(6)) ?? []));
      const path = url.split("?")[0] as string;
      const headers: [string, string][] = [];
      for (let at = 0; at < request.rawHeaders.length; at += 2)
        headers.push([request.rawHeaders[at] as string, request.rawHeaders[at + 1] as string]);
      seen.set(path, [...(seen.get(path) ?? []), { method: request.method ?? "", url, headers, body }]);
      if (path === "/big") return json(JSON.stringify({ id: 7, rows: "x".repeat(5_000_000), last: "end" }));
      const answer = () =>
        json(answers.get(path) ?? JSON.stringify({ ...ANSWER, path: url, body }).replace('"@"', "9007199254740993"));
      if (path.startsWith("/gate") && !answers.has(path)) held.set(path, [...(held.get(path) ?? []), answer]);
      else answer();
    });
  });
  const { port, close } = await address(server);
  return { url: `http://127.0.0.1:${port}`, close };
}
