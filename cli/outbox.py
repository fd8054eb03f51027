"""`rounds outbox`: what waits to be published, and publishing again.

What the commands do imports the services, which takes seconds that no client command should pay; so each imports it
when it is called.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.output import Format, Output, console, errors, print_json, print_table

WHERE = """The commands log in to the databases of the settings, as the services do: run them where a service's settings
are. Without ROUNDS_…DATABASE_URL they take those of the `rounds up` or `make up` that runs on the data folder."""

app = typer.Typer()
outbox_app = typer.Typer(
    help="What waits to be published, and publishing again.",
    no_args_is_help=True,
    epilog=WHERE,
)
app.add_typer(outbox_app, name="outbox", rich_help_panel="Run Rounds")

DataDir = Annotated[
    Path,
    typer.Option(
        envvar="ROUNDS_DATA_DIR", help="of a running `rounds up` or `make up`; unused with ROUNDS_…DATABASE_URL"
    ),
]
DATA = Path("data")


@outbox_app.command()
def status(data_dir: DataDir = DATA, output: Output = Format.table) -> None:
    """Show how many events wait in each service's outbox, for whom, and since when published ones are kept.

    For example:

    - `rounds outbox status`
    - `rounds outbox status --data-dir /var/lib/rounds --output json`
    """
    from cli import operations  # noqa: PLC0415 - see above

    found = operations.run(data_dir, operations.outbox_status)
    if output is Format.json:
        print_json(found)
        return
    print_table(
        ("service", "for", "waiting", "oldest", "kept since"),
        [
            (
                one["service"],
                "Kafka" if one["subscriber"] == "*" else one["subscriber"],
                one["waiting"],
                None if one["oldest_seconds"] is None else f"{one['oldest_seconds']:.1f} s",
                one["kept_since"] and f"{one['kept_since'].astimezone():%Y-%m-%d %H:%M:%S}",
            )
            for one in found
        ],
    )


@outbox_app.command()
def snapshot(
    topic: Annotated[str | None, typer.Argument(help="such as case.changed; default: all states")] = None,
    data_dir: DataDir = DATA,
    output: Output = Format.table,
) -> None:
    """Publish the present state of every user, project, environment, module and case, under new event ids.

    It fills or mends what the other services know of them. Services go on meanwhile; it may be repeated.

    For example:

    - `rounds outbox snapshot`
    - `rounds outbox snapshot case.changed`
    """
    from cli import operations  # noqa: PLC0415 - see above

    _show(*operations.run(data_dir, partial(operations.snapshot, topic)), output)


@outbox_app.command()
def replay(
    topic: Annotated[str | None, typer.Argument(help="such as run.completed; default: all")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"],
            metavar="TIME",
            help="what was stated then or later; a time without an offset is of ROUNDS_TIMEZONE",
        ),
    ] = None,
    data_dir: DataDir = DATA,
    output: Output = Format.table,
) -> None:
    """Publish again, under the same ids and in the same order, what was published in the last 7 days.

    For a broker that lost data. Whoever handled an event knows its id and does nothing twice. Afterwards
    `rounds outbox snapshot` puts the newest states last.

    For example:

    - `rounds outbox replay --since 2025-08-26T07:00:00Z`
    - `rounds outbox replay run.completed`
    """
    from cli import operations  # noqa: PLC0415 - see above

    _show(*operations.run(data_dir, partial(operations.publish_again, topic, since)), output)


def _show(done: Sequence[dict[str, Any]], left_out: Sequence[str], output: Format) -> None:
    if left_out:
        errors.print(f"left out, for want of their databases' addresses: {', '.join(left_out)}")
    if output is Format.json:
        print_json(done)
        return
    print_table(list(done[0]), [list(one.values()) for one in done])
    console.print("They are in the outbox; `rounds outbox status` tells when they are out.")
