"""An HTTPS server for tests, which may insist on a client certificate.

with tls_target(tmp_path, authority, clients=authority) as url:
    ...                                       # GET url: {"subject": the client's name or null}
"""

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, cast

from tests.support.certificates import Authority


class _Who(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        peer = cast("ssl.SSLSocket", self.connection).getpeercert()
        body = json.dumps({"subject": cast("Any", peer["subject"])[0][0][1] if peer else None}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A handshake that fails is what some tests are about."""


@contextmanager
def tls_target(folder: Path, authority: Authority, *, clients: Authority | None = None) -> Iterator[str]:
    """An HTTPS server that answers who its client is; with `clients`, only clients that this authority signed.

    It runs in threads: asyncio's own sends no alert when it refuses a client.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*authority.issue("localhost").files(folder))
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=clients.pem)
    with _Server(("127.0.0.1", 0), _Who) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"https://localhost:{server.server_port}"
        finally:
            server.shutdown()
