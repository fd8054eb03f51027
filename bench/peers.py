"""Other tools on the same job, installed by the benchmark itself into `.cache/bench`."""

import venv
from pathlib import Path

from bench.stack import output_of

FOLDER = Path(".cache/bench").resolve()
INSTALL_SECONDS = 600
BUILD_SECONDS = 3600


async def python_with(name: str, *requirements: str) -> Path:
    """A virtual environment's folder of programs, with these packages in it.

    Raises: RuntimeError when they cannot be had.
    """
    folder = FOLDER / name
    if not (folder / ".done").exists():
        venv.create(folder, with_pip=True)
        command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *requirements]
        await output_of(command, Path.cwd(), INSTALL_SECONDS)
        (folder / ".done").touch()
    return folder / "bin"


async def node_with(name: str, *packages: str) -> Path:
    """A folder of programs with these npm packages in it.

    Raises: RuntimeError when it cannot be had.
    """
    folder = FOLDER / name
    if not (folder / ".done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(folder), *packages]
        await output_of(command, folder, INSTALL_SECONDS)
        (folder / ".done").touch()
    return folder / "node_modules" / ".bin"


async def cargo_with(name: str, crate: str) -> Path:
    """A folder of programs with this crate's in it, `name@version`, built from source.

    Raises: RuntimeError when it cannot be built: without cargo, or without the libraries that it needs.
    """
    folder = FOLDER / name
    if not (folder / "bin" / name).exists():
        command = ["cargo", "install", "--quiet", "--locked", "--root", str(folder), crate]
        await output_of(command, Path.cwd(), BUILD_SECONDS)
    return folder / "bin"
