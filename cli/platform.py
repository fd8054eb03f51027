"""Commands that are the platform itself: `up`, `serve`, `migrate`, `config`.

What they run imports all services, which takes seconds that no client command should pay; so each imports it when it
is called.
"""

import time
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.output import Format, Output, console, errors, fail, print_json, print_table

STARTED = time.monotonic()

app = typer.Typer()
config_app = typer.Typer()
app.add_typer(config_app, name="config", rich_help_panel="Run Rounds")

Host = Annotated[str, typer.Option(envvar="ROUNDS_HTTP_HOST", help="address to listen on")]
Port = Annotated[int, typer.Option(envvar="ROUNDS_HTTP_PORT", min=0, max=65535, help="port to listen on; 0: any")]

RunningOn = Annotated[
    Path, typer.Option(envvar="ROUNDS_DATA_DIR", help="of a running `rounds up` or `make up`, whose settings to take")
]


@app.command(rich_help_panel="Run Rounds")
def up(
    port: Port = 8000,
    host: Host = "127.0.0.1",
    data_dir: Annotated[Path, typer.Option(envvar="ROUNDS_DATA_DIR", help="where everything is kept")] = Path("data"),
    *,
    open_browser: Annotated[bool, typer.Option("--open", help="open the console in the browser")] = False,
) -> None:
    """Run the whole of Rounds in one process, with a PostgreSQL of its own. Needs nothing else.

    Prints where it is and, at the first start, the password of `admin`. Mail goes to ROUNDS_SMTP_URL, or without one
    into files under the data folder. Stop it with Ctrl-C or SIGTERM; the next start goes on where this one ended.

    For example:

    - `rounds up`
    - `rounds up --port 9000 --data-dir /var/lib/rounds --open`
    """
    from cli import up as one_process  # noqa: PLC0415 - see above

    try:
        one_process.up(host, port, data_dir, open_browser=open_browser, since=STARTED)
    except (one_process.AlreadyRunning, one_process.PostgresFailed, OSError) as error:
        fail(str(error))


class Part(StrEnum):
    """What a process can serve."""

    auth = "auth"
    catalog = "catalog"
    scheduler = "scheduler"
    executor = "executor"
    notifier = "notifier"
    console = "console"


@app.command(rich_help_panel="Run Rounds")
def serve(
    parts: Annotated[list[Part], typer.Argument(metavar="SERVICE...", help=", ".join(Part))],
    port: Port = 8000,
    host: Host = "127.0.0.1",
    fd: Annotated[
        int | None, typer.Option(metavar="FD", help="a listening socket that is inherited, instead of host and port")
    ] = None,
) -> None:
    """Serve one service, or several, as one of many processes that speak over Kafka.

    Needs a database that `rounds migrate` has prepared, and ROUNDS_KAFKA_BOOTSTRAP_SERVERS; see `rounds config`.

    For example:

    - `rounds serve scheduler --port 8003`
    - `rounds serve auth catalog console --host 0.0.0.0`
    """
    from cli import serve as serving  # noqa: PLC0415 - see above

    try:
        serving.run([str(part) for part in parts], host, port, fd)
    except (RuntimeError, OSError) as error:
        fail(str(error))


@app.command(rich_help_panel="Run Rounds")
def migrate(
    services: Annotated[
        list[Part] | None, typer.Argument(metavar="[SERVICE]...", help="whose schemas; default: all five")
    ] = None,
) -> None:
    """Bring the database schemas to this version, and make missing Kafka topics. Safe to repeat, and from many pods.

    With ROUNDS_ADMIN_DATABASE_URL it makes each service's role and schema first. `rounds up` needs none of this.

    For example:

    - `rounds migrate`
    - `rounds migrate scheduler executor`
    """
    from cli import migrate as migrating  # noqa: PLC0415 - see above

    try:
        migrating.run([str(part) for part in services or []])
    except migrating.MigrationFailed as error:
        fail(str(error))


def _take_settings_of(data_dir: Path) -> list[str]:
    """Those of what runs on the folder, if anything does; the environment's own come before them."""
    from cli.data_dir import NotRunning, use_settings  # noqa: PLC0415 - see above

    try:
        return use_settings(data_dir)
    except NotRunning:
        return []
    except OSError as error:
        fail(str(error))


@config_app.callback(invoke_without_command=True)
def config(context: typer.Context, data_dir: RunningOn = Path("data"), output: Output = Format.table) -> None:
    """Show the settings in force, secrets masked, each with its source.

    Beside a `rounds up` or `make up` that runs on the data folder they are its settings, unless the environment names
    databases; elsewhere those of the environment.

    For example:

    - `rounds config`
    - `rounds config --output json`
    - `rounds config check`
    """
    if context.invoked_subcommand is not None:
        return
    from cli import config as configuration  # noqa: PLC0415 - see above

    taken = _take_settings_of(data_dir)
    if faults := configuration.faults_of_values():
        fail("\n".join(faults))
    found = configuration.in_force(taken, f"running on {data_dir}")
    if output is Format.json:
        print_json([asdict(setting) for setting in found])
        return
    print_table(("setting", "value", "source"), [(one.name, one.value, one.source) for one in found])


@config_app.command()
def check(data_dir: RunningOn = Path("data")) -> None:
    """Say what is wrong with the settings; exit code 2 when something is. It looks where `rounds config` does.

    For example:

    - `rounds config check`
    """
    from cli import config as configuration  # noqa: PLC0415 - see above

    _take_settings_of(data_dir)
    for name in configuration.unknown():
        errors.print(f"{name} is no setting of Rounds")
    if faults := configuration.faults():
        fail("\n".join(faults))
    console.print("The settings are sound.")
