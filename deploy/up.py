"""Rounds on one machine in its real shape: PostgreSQL, Apache Kafka, a process per service, nginx in front.

It stays in the foreground, starts again what dies, and on Ctrl-C or SIGTERM stops everything in order. On SIGHUP it
restarts one process after the other while requests go on. Data, logs and generated secrets are in ROUNDS_DATA_DIR
(./data); ROUNDS_HTTP_PORT (8000) is the one port that matters outside.
"""

import argparse
import os
import shutil
import signal
import socket
import string
import subprocess
import sys
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path

from cli.data_dir import AlreadyRunning, load_secrets, locked, settings_shown
from cli.postgres import BIN
from deploy.kafka.broker import free_port
from deploy.supervisor import Child, StartError, StopRequestedError, Supervisor

HERE = Path(__file__).resolve().parent
ROUNDS = str(Path(sys.executable).with_name("rounds"))
SERVICES = ("auth", "catalog", "scheduler", "executor", "notifier")
PARTS = (*SERVICES, "console")
USES_ENCRYPTION_KEYS = ("catalog", "executor", "notifier")
START_TIMEOUT_SECONDS = 120
ANSWER_SECONDS = 2
BACKLOG = 2048
"""Connections that may wait while the process that serves them is started again."""


def main() -> None:
    """Run until told to stop. Exit code 1 when something cannot be started."""
    parser = argparse.ArgumentParser(prog="python -m deploy.up", description=__doc__)
    parser.add_argument(
        "--replicas",
        action="append",
        default=[],
        metavar="SERVICE=N",
        type=replicas_option,
        help="run a service N times, such as scheduler=2; may be repeated",
    )
    parser.add_argument("--grace-seconds", type=float, default=25, help="how long a stopping process may take (25)")
    options = parser.parse_args()
    replicas = dict.fromkeys(PARTS, 1) | dict(options.replicas)
    data_dir = Path(os.environ.get("ROUNDS_DATA_DIR", "data")).resolve()
    (data_dir / "logs").mkdir(parents=True, exist_ok=True)
    supervisor = Supervisor(data_dir / "logs", options.grace_seconds)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: supervisor.request_stop())
    signal.signal(signal.SIGHUP, lambda _number, _frame: supervisor.request_restart())
    try:
        with locked(data_dir):
            try:
                made = start_everything(supervisor, data_dir, replicas)
                with settings_shown(data_dir, made):
                    supervisor.run()
            except StopRequestedError:
                print("Stopping …", flush=True)
            finally:
                supervisor.stop_all()
    except (AlreadyRunning, StartError) as error:
        sys.exit(f"Rounds did not start: {error}")


def start_everything(supervisor: Supervisor, data_dir: Path, replicas: dict[str, int]) -> dict[str, str]:
    """Start the parts, each when what it needs is ready, and print where Rounds is; answers the services' settings.

    Raises: StartError, StopRequestedError.
    """
    host, http_port = os.environ.get("ROUNDS_HTTP_HOST", "127.0.0.1"), int(os.environ.get("ROUNDS_HTTP_PORT", "8000"))
    if not is_free(http_port):
        raise StartError(f"port {http_port} is taken; set ROUNDS_HTTP_PORT to another one")
    known = (data_dir / "secrets.env").exists()
    secret = load_secrets(data_dir, admin_password=True)
    ports = assign_ports(["postgres", "kafka", *PARTS], http_port + 1)
    listeners = {name: socket.create_server(("127.0.0.1", ports[name]), backlog=BACKLOG) for name in PARTS}

    print("Starting PostgreSQL and Kafka …", flush=True)
    supervisor.start_stage([postgres(data_dir, ports, secret), kafka(data_dir, ports)], START_TIMEOUT_SECONDS)

    database = f"127.0.0.1:{ports['postgres']}/postgres"
    urls = {f"ROUNDS_{name.upper()}_URL": f"http://127.0.0.1:{ports[name]}" for name in SERVICES}
    shared = urls | {
        "ROUNDS_DATA_DIR": str(data_dir),
        "ROUNDS_HTTP_HOST": "127.0.0.1",
        "ROUNDS_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{ports['kafka']}",
        "ROUNDS_PUBLIC_URL": os.environ.get("ROUNDS_PUBLIC_URL", f"http://127.0.0.1:{http_port}"),
        "ROUNDS_SERVICE_TOKEN": secret["ROUNDS_SERVICE_TOKEN"],
        "ROUNDS_TRUSTED_PROXIES": "127.0.0.1",
        "ROUNDS_DEMO": os.environ.get("ROUNDS_DEMO", "1"),
        "ROUNDS_DRAIN_SECONDS": "1",  # the gateway needs no more to let go of its connections
        # The cases of the machine's owner may call the machine itself.
        "ROUNDS_EXECUTOR_EGRESS_ALLOW": os.environ.get("ROUNDS_EXECUTOR_EGRESS_ALLOW", "127.0.0.0/8,::1/128"),
    }
    own: dict[str, dict[str, str]] = {name: {} for name in PARTS}
    for name in SERVICES:
        password = secret[f"{name.upper()}_DATABASE_PASSWORD"]
        own[name][f"ROUNDS_{name.upper()}_DATABASE_URL"] = f"postgresql://{name}:{password}@{database}"
    for name in USES_ENCRYPTION_KEYS:
        own[name]["ROUNDS_ENCRYPTION_KEYS"] = secret["ROUNDS_ENCRYPTION_KEYS"]
    if "ROUNDS_ADMIN_PASSWORD" in secret:
        own["auth"]["ROUNDS_ADMIN_PASSWORD"] = secret["ROUNDS_ADMIN_PASSWORD"]

    print("Migrating the database …", flush=True)
    admin_url = f"postgresql://postgres:{secret['POSTGRES_PASSWORD']}@{database}"
    everything = {name: value for part in own.values() for name, value in part.items()}
    supervisor.run_once(
        Child("migrate", [ROUNDS, "migrate"], {**shared, **everything, "ROUNDS_ADMIN_DATABASE_URL": admin_url})
    )

    print("Starting the services …", flush=True)
    services = [
        Child(
            f"{name}-{n}" if n else name,
            [ROUNDS, "serve", name, "--fd", str(listener.fileno())],
            {**shared, **own[name], "ROUNDS_HTTP_PORT": str(ports[name])},
            ready=partial(answers, f"http://127.0.0.1:{ports[name]}/readyz"),
            listener=listener,
        )
        for name, listener in listeners.items()
        for n in range(replicas[name])
    ]
    supervisor.start_stage(services, START_TIMEOUT_SECONDS)
    servers = {name: [ports[name]] for name in PARTS}
    front = socket.create_server((host, http_port), backlog=BACKLOG)
    supervisor.start_stage([gateway(data_dir, f"{host}:{http_port}", servers, front)], START_TIMEOUT_SECONDS)

    print(f"Rounds is ready at {shared['ROUNDS_PUBLIC_URL']}/console/")
    if "ROUNDS_ADMIN_PASSWORD" in secret and "ROUNDS_ADMIN_PASSWORD" not in os.environ:
        shown = f"in {data_dir}/secrets.env" if known else f"{secret['ROUNDS_ADMIN_PASSWORD']}  (shown this once)"
        print(f"  user admin, first password {shown}")
    print(f"  data {data_dir}, logs {data_dir}/logs, stop with Ctrl-C")
    print("  ports " + ", ".join(f"{name} {port}" for name, port in ports.items()), flush=True)
    return {**shared, **everything}


def postgres(data_dir: Path, ports: dict[str, int], secret: dict[str, str]) -> Child:
    """The database; SIGINT is its fast and orderly stop."""
    port = str(ports["postgres"])
    return Child(
        "postgres",
        [sys.executable, "-m", "cli.postgres", "--data-dir", str(data_dir / "postgres"), "--port", port],
        {"PGPASSWORD": secret["POSTGRES_PASSWORD"]},
        signal.SIGINT,
        lambda: not subprocess.call([BIN / "pg_isready", "-q", "-h", "127.0.0.1", "-p", port]),
    )


def kafka(data_dir: Path, ports: dict[str, int]) -> Child:
    """The broker. It opens its port when it serves."""
    script, port = str(HERE / "kafka" / "broker.py"), ports["kafka"]
    command = [sys.executable, script, "--data-dir", str(data_dir / "kafka"), "--port", str(port)]
    return Child("kafka", command, ready=lambda: not is_free(port))


def gateway(data_dir: Path, listen: str, servers: dict[str, list[int]], listener: socket.socket | None = None) -> Child:
    """Nginx with the template filled in: the ports of every service. SIGQUIT lets it finish what is open.

    `listener` is bound to `listen` and outlives it.

    Raises: StartError when nginx is missing.
    """
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise StartError("nginx is missing: deploy/require.sh nginx")
    folder = data_dir / "gateway"
    folder.mkdir(exist_ok=True)
    values = {"GATEWAY_DIR": str(folder), "GATEWAY_LISTEN": listen}
    for name, ports in servers.items():
        values[f"{name.upper()}_SERVERS"] = " ".join(f"server 127.0.0.1:{port};" for port in ports)
    template = BracedTemplate((HERE / "gateway" / "nginx.conf").read_text())
    (folder / "nginx.conf").write_text(template.safe_substitute(values))
    command = [program, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    return Child(
        "gateway",
        command,
        {"NGINX": f"{listener.fileno()};"} if listener else {},  # the sockets it inherits, as at an upgrade of itself
        signal.SIGQUIT,
        lambda: answers(f"http://{listen}/healthz"),
        listener,
    )


class BracedTemplate(string.Template):
    """`${NAME}` only, so that nginx's own `$name` stays."""

    pattern = r"\$(?:(?P<escaped>(?!))|(?P<named>(?!))|\{(?P<braced>[A-Z_]+)\}|(?P<invalid>(?!)))"  # type: ignore[assignment] # typeshed knows the compiled form only


def assign_ports(names: list[str], first: int) -> dict[str, int]:
    """Give each name a port, counted up from `first` where those are free."""
    return {name: port if is_free(port) else free_port() for port, name in enumerate(names, first)}


def is_free(port: int) -> bool:
    """Whether nobody listens on the port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) != 0


def answers(url: str) -> bool:
    """Whether a GET answers below 400."""
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_SECONDS):  # noqa: S310 - our own http address
            return True
    except (urllib.error.URLError, OSError):
        return False


def replicas_option(text: str) -> tuple[str, int]:
    """Read `scheduler=2`."""
    name, _, count = text.partition("=")
    if name not in PARTS or not count.isdigit() or int(count) < 1:
        raise argparse.ArgumentTypeError(f"expected SERVICE=N with one of {', '.join(PARTS)}")
    return name, int(count)


if __name__ == "__main__":
    main()
