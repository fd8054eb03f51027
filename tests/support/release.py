"""The code of the last release, as its commit has it: `deploy/last-release` names both.

folder = checked_out(tmp_path, version, commit)               # its packages, and the documents that it shipped
async with running([*its_command(folder), "serve", …], log):  # `rounds` of that release
"""

import io
import subprocess
import sys
import tarfile
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "release"
ROUNDS = "from cli.main import app; app()"


def checked_out(folder: Path, version: str, commit: str) -> Path:
    """Write a commit's files into a folder, which then passes for an installation of that version.

    Raises: subprocess.CalledProcessError (the clone does not reach back to it).
    """
    command = ["git", "archive", commit, "cli", "kit", "services", "contracts", "caselang", "docs", "requirements.lock"]
    packed = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    about = folder / f"rounds-{version.removeprefix('v')}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: rounds\nVersion: {version.removeprefix('v')}\n")
    return folder


def its_command(folder: Path) -> list[str]:
    """`rounds` of a checked-out release, with the packages that its lock names."""
    return ["env", f"PYTHONPATH={folder}", _python(folder / "requirements.lock"), "-P", "-c", ROUNDS]


def _python(lock: Path) -> str:
    """The Python of this environment, where the lock is the same; else of one with the lock's packages, made once."""
    if lock.read_text() == (ROOT / "requirements.lock").read_text():
        return sys.executable
    CACHE.mkdir(parents=True, exist_ok=True)
    python, made_from = CACHE / "venv" / "bin" / "python", CACHE / "requirements.lock"
    with FileLock(CACHE / "lock"):
        if not made_from.exists() or made_from.read_text() != lock.read_text():
            uv = str(Path(sys.executable).with_name("uv"))
            make = [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(CACHE / "venv")]
            fill = [uv, "pip", "sync", "--quiet", "--python", str(python), "--require-hashes", str(lock)]
            for command in (make, fill):
                subprocess.run(command, check=True)
            made_from.write_text(lock.read_text())
    return str(python)
