"""Commands that are the platform itself: `up`, `serve`, `migrate`, `config`.

What they run imports all services, which takes seconds that no client command should pay; so each imports it when it
is called.
"""

import time
from pathlib import Path
from typing import Annotated

import typer

from cli.output import fail

STARTED = time.monotonic()

app = typer.Typer()

Host = Annotated[str, typer.Option(envvar="ROUNDS_HTTP_HOST", help="address to listen on")]
Port = Annotated[int, typer.Option(envvar="ROUNDS_HTTP_PORT", min=0, max=65535, help="port to listen on; 0: any")]


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

    Examples:
        rounds up

        rounds up --port 9000 --data-dir /var/lib/rounds --open
    """
    from cli import up as one_process  # noqa: PLC0415 - see above

    try:
        one_process.up(host, port, data_dir, open_browser=open_browser, since=STARTED)
    except (one_process.AlreadyRunning, one_process.PostgresFailed, OSError) as error:
        fail(str(error))
