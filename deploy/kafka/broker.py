"""A local Apache Kafka: one node, KRaft, data in a folder that outlives it.

From the command line, in the foreground: `python deploy/kafka/broker.py --data-dir data/kafka --port 9092`.
As a module: `broker = start(data_dir)`, `broker.bootstrap`, `broker.stop()`.
"""

import argparse
import ctypes
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from base64 import urlsafe_b64encode
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).resolve().parent
JARS = HERE.parents[1] / ".cache" / "kafka-4.3.1"
LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{advertised_port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={log_dir}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=4
log.segment.bytes=67108864
log.index.size.max.bytes=1048576
"""


class Broker:
    """One broker on fixed ports. It can be stopped, killed, paused and started again with its data.

    `launch()` forks and must be called from the thread that lives longest: the broker dies with it.
    """

    def __init__(self, data_dir: Path, port: int = 0, advertised_port: int | None = None) -> None:
        """Prepare the folder. Port 0: any free one. `advertised_port` is what clients are told: a proxy's, say."""
        self.data_dir = data_dir.resolve()
        self.port = port or free_port()
        self.bootstrap = f"127.0.0.1:{advertised_port or self.port}"
        self.log_path = self.data_dir / "kafka.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._log_start = 0
        prepare(self.data_dir, self.port, advertised_port or self.port)

    def launch(self) -> None:
        """Start the process without waiting for it to be ready."""
        self._log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                java_command(self.data_dir, quick=True),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one prctl call, no lock is taken
            )

    def ready(self) -> bool:
        """Tell whether the broker serves clients.

        Raises: RuntimeError when the process has ended, with the end of its log.
        """
        with self.log_path.open("rb") as log:
            log.seek(self._log_start)
            text = log.read().decode(errors="replace")
        if self.process is None or self.process.poll() is not None:
            message = f"Kafka ended; {self.log_path} says:\n{text[-3000:]}"
            raise RuntimeError(message)
        return "Kafka Server started" in text

    def start(self, timeout_seconds: float = 60) -> None:
        """Launch and wait until the broker serves clients.

        Raises: RuntimeError when it ends or is not ready in time.
        """
        self.launch()
        deadline = time.monotonic() + timeout_seconds
        while not self.ready():
            if time.monotonic() > deadline:
                self.kill()
                message = f"Kafka is not ready after {timeout_seconds} s; see {self.log_path}"
                raise RuntimeError(message)
            time.sleep(0.02)

    def stop(self, grace_seconds: float = 10) -> None:
        """Shut down in order; kill after the grace period. Data stay."""
        if self.process is None:
            return
        self.process.terminate()
        self.resume()
        try:
            self.process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the process at once, as a power cut of the broker would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def pause(self) -> None:
        """Freeze the process: connections stay open, nothing is answered."""
        if self.process is not None:
            self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused process go on."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)


def start(data_dir: Path, port: int = 0, advertised_port: int | None = None) -> Broker:
    """Start a broker on 127.0.0.1 and wait until it serves clients."""
    broker = Broker(data_dir, port, advertised_port)
    broker.start()
    return broker


def prepare(data_dir: Path, port: int, advertised_port: int) -> None:
    """Write server.properties and, in an empty folder, format the storage."""
    download_jars()
    log_dir = data_dir / "log"
    data_dir.mkdir(parents=True, exist_ok=True)
    properties = data_dir / "server.properties"
    properties.write_text(
        PROPERTIES.format(port=port, advertised_port=advertised_port, controller_port=free_port(), log_dir=log_dir)
    )
    if not (log_dir / "meta.properties").exists():
        cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        tool = [*java(quick=True), "kafka.tools.StorageTool", "format"]
        command = [*tool, f"--cluster-id={cluster_id}", "-c", str(properties)]  # one word: the id may begin with a dash
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def download_jars() -> None:
    """Fetch Kafka's jars with Maven, once. Parallel callers may both fetch; the first to finish wins."""
    if JARS.is_dir():
        return
    maven = shutil.which("mvn")
    if maven is None:
        message = "Kafka needs Maven and Java once to be fetched: deploy/require.sh maven java"
        raise RuntimeError(message)
    JARS.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=JARS.parent) as scratch:
        target = Path(scratch) / "jars"
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={target}"]
        subprocess.run([maven, "-q", "-B", "-f", str(HERE / "pom.xml"), *goal], check=True)
        try:
            target.rename(JARS)
        except OSError:
            if not JARS.is_dir():
                raise


def java(*, quick: bool) -> list[str]:
    """Name the JVM with Kafka's classes. `quick` gives up peak throughput for an early start."""
    path = shutil.which("java")
    if path is None:
        message = "Kafka needs Java 17 or newer: deploy/require.sh java"
        raise RuntimeError(message)
    flags = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"] if quick else ["-XX:+UseG1GC"]
    logging = f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}"
    return [path, "-Xms128m", "-Xmx512m", *flags, logging, "-cp", f"{JARS}/*"]


def java_command(data_dir: Path, *, quick: bool) -> list[str]:
    """Give the command line of a prepared broker."""
    return [*java(quick=quick), "kafka.Kafka", str(data_dir / "server.properties")]


def free_port() -> int:
    """Find a TCP port of 127.0.0.1 that is free now, below those that the kernel gives to outgoing connections."""
    while True:
        port = random.randrange(20_000, 32_000)  # noqa: S311 - no secret
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def die_with_parent() -> None:
    """Ask the kernel to terminate this process when the thread that started it ends, however it ends."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def main() -> None:
    """Become the broker: this process is replaced by the JVM, so signals reach Kafka itself."""
    parser = argparse.ArgumentParser(description="A local one-node Apache Kafka, in the foreground.")
    parser.add_argument("--data-dir", type=Path, required=True, help="where the broker keeps its data and settings")
    parser.add_argument("--port", type=int, default=9092, help="port on 127.0.0.1 (default 9092)")
    parser.add_argument("--quick", action="store_true", help="start sooner, at the price of throughput")
    options = parser.parse_args()
    data_dir = options.data_dir.resolve()
    prepare(data_dir, options.port, options.port)
    command = java_command(data_dir, quick=options.quick)
    os.execv(command[0], command)  # noqa: S606 - our own command


if __name__ == "__main__":
    main()
