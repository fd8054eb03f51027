"""Targets that misbehave: each ends in time, with the right class of fault, and in little memory."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.executor.settings import executor_settings
from tests.executor.conftest import Executor
from tests.executor.test_runs import get


def at(url: str, *asserts: dict[str, Any], **options: Any) -> dict[str, Any]:
    request = {"method": "GET", "url": url}
    return {"name": "get", "type": "request", "request": request, "asserts": list(asserts), "options": options}


@asynccontextmanager
async def server(answer: bytes, pause: float = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Answers every connection with these bytes, one at a time if there is a pause; gives its port."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            if pause:
                for byte in answer:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(pause)
            else:
                writer.write(answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    listening = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=tls)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()


async def fault(executor: Executor, step: dict[str, Any]) -> tuple[str, str]:
    found = (await executor.steps(step))[0]
    assert found["status"] == "error", found
    return found["failure_class"], found["error"]


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def test_faults_have_their_class_and_say_what_to_do(executor: Executor, closed_port: int) -> None:
    kind, message = await fault(executor, at(f"http://127.0.0.1:{closed_port}/"))
    assert kind == "connect"
    assert f"127.0.0.1:{closed_port} cannot be reached" in message

    kind, message = await fault(executor, at("http://no-such-host.invalid/"))
    assert kind == "dns"
    assert "no-such-host.invalid cannot be resolved" in message

    assert await fault(executor, at("{{base_url}}/close")) == (
        "protocol",
        "127.0.0.1 closed the connection without an answer: look into its log",
    )
    assert await fault(executor, at("{{base_url}}/slow?ms=2000", timeout_ms=100)) == (
        "timeout",
        "connected, but no answer came within 100 ms: look at what the host is doing, or raise options.timeout_ms",
    )


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "0.0.0.0",  # noqa: S104 (nothing is bound)
        "[::]",
        "224.0.0.1",
    ],
)
async def test_denied_addresses_are_never_reached(executor: Executor, host: str) -> None:
    kind, _ = await fault(executor, at(f"http://{host}/", timeout_ms=2000))

    assert kind == "egress"


async def test_this_machine_is_denied_unless_it_is_allowed(executor: Executor, configured: pytest.MonkeyPatch) -> None:
    configured.setenv("ROUNDS_EXECUTOR_EGRESS_ALLOW", "")
    executor_settings.cache_clear()

    for host in ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"):
        kind, message = await fault(executor, at(f"http://{host}:{executor.target.url.rpartition(':')[2]}/echo"))
        assert kind == "egress", host
        assert "ROUNDS_EXECUTOR_EGRESS_ALLOW" in message
    assert executor.target.requests == []


async def test_a_redirect_to_a_denied_address_is_not_followed(executor: Executor) -> None:
    kind, message = await fault(executor, at("{{base_url}}/redirect?to=http://169.254.169.254/latest"))

    assert (kind, "link-local" in message) == ("egress", True)


async def test_a_project_may_narrow_where_its_cases_go(executor: Executor) -> None:
    await executor.project(revision=2, egress_allow=["10.0.0.0/8"])

    kind, message = await fault(executor, get("/echo"))

    assert (kind, "egress_allow" in message) == ("egress", True)


async def test_redirects_are_followed_shown_and_bounded(executor: Executor) -> None:
    url = "{{base_url}}/redirect?to=/redirect%3Fto=/echo"
    seen = {"query": {"type": "jsonpath", "expr": "$.path"}, "predicate": "==", "value": "/echo"}
    moved = {"query": {"type": "status"}, "predicate": "==", "value": 302}

    followed = (await executor.steps(at(url, seen)))[0]
    stayed = (await executor.steps(at(url, moved, follow_redirects=False)))[0]
    ring = (await executor.steps(at("{{base_url}}/redirect?to=", max_redirects=3)))[0]

    assert [step["status"] for step in followed["request"]["redirects"]] == [302, 302]
    assert (followed["status"], stayed["status"]) == ("passed", "passed")
    assert (ring["failure_class"], ring["error"][:21]) == ("protocol", "more than 3 redirects")


@pytest.mark.parametrize("path", ["/gzip/200000000", "/bytes/11000000"])
async def test_a_body_past_the_limit_is_given_up(executor: Executor, path: str) -> None:
    kind, message = await fault(executor, get(path))

    assert (kind, message) == ("protocol", "the answer is longer than 10 MiB; ask for less of it")


async def test_a_server_that_sends_one_byte_at_a_time_ends_in_time(executor: Executor) -> None:
    async with server(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000, pause=0.01) as port:
        kind, message = await fault(executor, at(f"http://127.0.0.1:{port}/", timeout_ms=3000))

    assert (kind, message.partition(":")[0]) == ("timeout", "the answer began, but did not end within 3000 ms")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(100_000)) + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n",
        b"hello, who is there?\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
    ],
    ids=["100,000 headers", "a long header", "no HTTP", "cut short", "broken gzip"],
)
async def test_answers_that_break_the_protocol(executor: Executor, answer: bytes) -> None:
    async with server(answer) as port:
        kind, _ = await fault(executor, at(f"http://127.0.0.1:{port}/", timeout_ms=5000))

    assert kind == "protocol"


def certificate(folder: Path) -> ssl.SSLContext:
    """A context with a certificate for 127.0.0.1 that nobody trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "target")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(4711)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context


async def test_certificates_are_verified_unless_a_step_says_otherwise(executor: Executor, tmp_path: Path) -> None:
    subject = {"query": {"type": "certificate", "expr": "Subject"}, "predicate": "contains", "value": "CN=target"}
    async with server(b"HTTP/1.1 204 No Content\r\n\r\n", tls=certificate(tmp_path)) as port:
        url = f"https://127.0.0.1:{port}/"
        kind, message = await fault(executor, at(url))
        step = (await executor.steps(at(url, subject, verify_tls=False)))[0]

    assert (kind, "verify_tls" in message) == ("tls", True)
    assert step["status"] == "passed"
    assert step["timings_ms"]["tls"] > 0


async def test_a_url_is_sent_as_it_is_written(executor: Executor) -> None:
    async with server(b"HTTP/1.1 204 No Content\r\n\r\n") as port:
        steps = await executor.steps(at(f"http://127.0.0.1:{port}/a%2fb//c/../d?x=%41&y=a b#frag"))

    assert steps[0]["request"]["url"] == f"http://127.0.0.1:{port}/a%2fb//c/../d?x=%41&y=a%20b"


async def test_a_url_that_is_none_is_a_fault_of_configuration(executor: Executor) -> None:
    await executor.environment(revision=2, variables={"odd": "ftp://x/", "bad": "http://[::1"})

    assert (await fault(executor, at("{{odd}}")))[0] == "config"
    assert (await fault(executor, at("{{bad}}")))[0] == "config"
    assert (await fault(executor, at("http://2852039166/")))[0] == "config"


async def test_a_secret_is_masked_where_an_answer_echoes_it_in_any_form(executor: Executor) -> None:
    secret = "s3cr/t vÄlue+1"
    await executor.environment(revision=2, secrets={"key": secret})
    step = {
        "name": "echo",
        "type": "request",
        "request": {
            "method": "POST",
            "url": "{{base_url}}/echo",
            "query": {"k": "{{key}}"},
            "auth": {"type": "basic", "username": "u", "password": "{{key}}"},
            "body": {"form": {"k": "{{key}}"}},
        },
        "asserts": [{"query": {"type": "jsonpath", "expr": "$.query[0][1]"}, "predicate": "==", "value": "x{{key}}"}],
    }
    case_id = await executor.case(step)

    report = await executor.run(case_id)

    text = (await executor.member.get(f"/runs/{report['run_id']}/cases/{case_id}")).text
    stored = await executor.rows("SELECT convert_from(detail, 'UTF8') AS detail FROM step_result")
    events = str(await executor.events("run.completed"))
    for place in (text, stored[0]["detail"], events):
        for form in ("s3cr", "vÄlue", "dTpzM2NyL3Q", "vu00c4lue"):
            assert form not in place


async def test_text_from_an_answer_is_never_templated_again(executor: Executor) -> None:
    capture = {"name": "seen", "query": {"type": "jsonpath", "expr": "$.body"}}
    echo: dict[str, Any] = {"method": "POST", "url": "{{base_url}}/echo"}

    steps = await executor.steps(
        {
            "type": "request",
            "name": "1",
            "request": {**echo, "body": {"text": "\\{{base_url}}"}},
            "captures": [capture],
        },
        {"type": "request", "name": "2", "request": {**echo, "body": {"text": "{{seen}}"}}},
    )

    assert [step["status"] for step in steps] == ["passed", "passed"]
    assert [request.body for request in executor.target.requests] == [b"{{base_url}}", b"{{base_url}}"]
