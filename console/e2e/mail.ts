import { createServer, type Socket } from "node:net";
import { address, type Stub } from "./target";

/** A mail server that takes every mail and keeps none. */
export async function mailServer(): Promise<Stub> {
  const server = createServer((socket: Socket) => {
    let inData = false;
    let text = "";
    socket.on("error", () => socket.destroy());
    socket.write("220 stub ESMTP\r\n");
    socket.on("data", (chunk) => {
      text += chunk;
      for (let end = text.indexOf("\r\n"); end >= 0; end = text.indexOf("\r\n")) {
        const line = text.slice(0, end);
        text = text.slice(end + 2);
        if (inData) {
          if (line !== ".") continue;
          inData = false;
          socket.write("250 taken\r\n");
        } else if (/^EHLO/i.test(line)) socket.write("250-stub\r\n250 SMTPUTF8\r\n");
        else if (/^DATA/i.test(line)) {
          inData = true;
          socket.write("354 go on\r\n");
        } else if (/^QUIT/i.test(line)) socket.end("221 bye\r\n");
        else socket.write("250 fine\r\n");
      }
    });
  });
  const { port, close } = await address(server);
  return { url: `smtp://127.0.0.1:${port}`, close };
}
