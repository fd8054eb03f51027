"""The supervisor of `make up`, driven as a process of its own with commands that do next to nothing."""

import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.processes import Process, running
from tests.support.wait import until

SCRIPT = """
import signal, sys
from pathlib import Path
from deploy.supervisor import Child, StartError, StopRequestedError, Supervisor

folder = Path(sys.argv[1])
supervisor = Supervisor(folder, grace_seconds=float(sys.argv[3]))
signal.signal(signal.SIGTERM, lambda *_: supervisor.request_stop())
signal.signal(signal.SIGHUP, lambda *_: supervisor.request_restart())
try:
    for name in ("first", "second"):
        ready = folder / f"{name}.ready"
        supervisor.start_stage([Child(name, ["sh", "-c", sys.argv[2]], {"NAME": name}, ready=ready.exists)], 5)
    supervisor.run()
except StopRequestedError:
    print("stopping", flush=True)
except StartError as error:
    sys.exit(str(error))
finally:
    supervisor.stop_all()
"""
# Writes down its id, its start and its end; the loop is what a signal interrupts.
CHILD = """
cd FOLDER
trap 'echo $NAME ends >> story; exit 0' TERM
echo $NAME starts >> story; echo $$ > $NAME.pid; touch $NAME.ready
while true; do sleep 0.05; done
"""


@asynccontextmanager
async def supervised(folder: Path, child: str = CHILD, grace_seconds: float = 5) -> AsyncIterator[Process]:
    command = [sys.executable, "-c", SCRIPT, str(folder), child.replace("FOLDER", str(folder)), str(grace_seconds)]
    root = str(Path(__file__).parents[2])
    async with running(command, folder / "supervisor.log", {"PYTHONPATH": root}) as process:
        yield process


def story(folder: Path) -> list[str]:
    path = folder / "story"
    return path.read_text().splitlines() if path.exists() else []


def pid_of(folder: Path, name: str) -> int:
    return int((folder / f"{name}.pid").read_text())


def is_dead(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


async def both_started(folder: Path) -> list[int]:
    await until(lambda: story(folder) == ["first starts", "second starts"])
    await until((folder / "second.ready").exists)
    return [pid_of(folder, "first"), pid_of(folder, "second")]


async def test_a_killed_child_is_started_again(tmp_path: Path) -> None:
    async with supervised(tmp_path):
        pids = await both_started(tmp_path)
        os.kill(pids[1], signal.SIGKILL)
        await until(lambda: story(tmp_path).count("second starts") == 2)
        assert story(tmp_path).count("first starts") == 1


async def test_a_stop_ends_the_stages_in_reverse_order(tmp_path: Path) -> None:
    async with supervised(tmp_path) as supervisor:
        pids = await both_started(tmp_path)
        assert await supervisor.stop() == 0
        assert story(tmp_path)[2:] == ["second ends", "first ends"]
        assert all(is_dead(pid) for pid in pids)


async def test_a_rolling_restart_takes_one_child_after_the_other(tmp_path: Path) -> None:
    async with supervised(tmp_path) as supervisor:
        pids = await both_started(tmp_path)
        os.kill(supervisor.pid, signal.SIGHUP)
        again = ["first ends", "first starts", "second ends", "second starts"]
        await until(lambda: story(tmp_path)[2:] == again)
        assert all(is_dead(pid) for pid in pids)


async def test_a_child_that_ignores_the_stop_is_killed_after_the_grace_period(tmp_path: Path) -> None:
    async with supervised(tmp_path, CHILD.replace("exit 0", ":"), grace_seconds=0.3) as supervisor:
        pids = await both_started(tmp_path)
        assert await supervisor.stop() == 0
        assert all(is_dead(pid) for pid in pids)
        assert "second does not stop, is killed" in supervisor.log()


async def test_no_child_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    async with supervised(tmp_path) as supervisor:
        pids = await both_started(tmp_path)
        os.kill(supervisor.pid, signal.SIGKILL)
        await until(lambda: all(is_dead(pid) for pid in pids))


async def test_a_dead_childs_own_children_are_ended_before_it_is_started_again(tmp_path: Path) -> None:
    child = CHILD.replace("trap", "sleep 1000 & echo $! >> $NAME.workers; trap", 1)
    async with supervised(tmp_path, child):
        pids = await both_started(tmp_path)
        worker = int((tmp_path / "second.workers").read_text())
        os.kill(pids[1], signal.SIGKILL)
        await until(lambda: story(tmp_path).count("second starts") == 2)
        assert is_dead(worker)


async def test_a_start_that_fails_says_why_and_stops_the_rest(tmp_path: Path) -> None:
    child = f'[ $NAME = first ] || {{ echo "no room" ; exit 3; }}\n{CHILD}'
    async with supervised(tmp_path, child) as supervisor:
        await until(lambda: supervisor.returncode() is not None, 15)
        assert supervisor.returncode() == 1
        assert "second is not ready; its log ends with\nno room" in supervisor.log()
        assert is_dead(pid_of(tmp_path, "first"))
