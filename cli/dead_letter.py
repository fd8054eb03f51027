"""`rounds dead-letter`: events that a service could not handle.

What the commands do imports the services, which takes seconds that no client command should pay; so each imports it
when it is called.
"""

import sys
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from cli.outbox import DATA, WHERE, DataDir
from cli.output import Format, Output, console, fail, print_json, print_table

app = typer.Typer()
letters_app = typer.Typer(
    help="Events that a service could not handle.",
    no_args_is_help=True,
    epilog=WHERE,
)
app.add_typer(letters_app, name="dead-letter", rich_help_panel="Run Rounds")


class Consumer(StrEnum):
    """Whose dead letters."""

    auth = "auth"
    catalog = "catalog"
    scheduler = "scheduler"
    executor = "executor"
    notifier = "notifier"


Service = Annotated[Consumer, typer.Argument(help="whose: " + ", ".join(Consumer), metavar="SERVICE")]
Ids = Annotated[list[int] | None, typer.Argument(metavar="ID", help="as `rounds dead-letter list` shows them")]
Every = Annotated[bool, typer.Option("--all", help="all of the service")]


@letters_app.command("list")
def list_letters(
    service: Annotated[Consumer | None, typer.Argument(metavar="SERVICE", help="whose; default: all services'")] = None,
    limit: Annotated[int, typer.Option(min=1, help="how many of each service, the oldest first")] = 100,
    data_dir: DataDir = DATA,
    output: Output = Format.table,
) -> None:
    """Show the events that could not be handled, and why.

    For example:

    - `rounds dead-letter list`
    - `rounds dead-letter list scheduler --output json`
    """
    from cli import operations  # noqa: PLC0415 - see above

    found = operations.run(data_dir, partial(operations.dead_letters_of, service and service.value, limit))
    if output is Format.json:
        print_json(found)
        return
    print_table(
        ("service", "id", "topic", "key", "tries", "since", "reason"),
        [
            (
                one["service"],
                one["id"],
                one["topic"],
                one["key"],
                one["tries"],
                f"{one['created_at'].astimezone():%Y-%m-%d %H:%M:%S}",
                one["reason"],
            )
            for one in found
        ],
    )


@letters_app.command()
def retry(
    service: Service,
    ids: Ids = None,
    *,
    every: Every = False,
    data_dir: DataDir = DATA,
    output: Output = Format.table,
) -> None:
    """Hand dead letters to their service again: handled ones are deleted, others keep the new reason.

    Exit code 2 when one was not handled.

    For example:

    - `rounds dead-letter retry scheduler 12`
    - `rounds dead-letter retry notifier --all`
    """
    from cli import operations  # noqa: PLC0415 - see above

    done = operations.run(data_dir, partial(operations.retry, service.value, _chosen(ids, every=every)))
    if output is Format.json:
        print_json(done)
    else:
        print_table(
            ("service", "id", "outcome", "reason"),
            [(one["service"], one["id"], one["outcome"], one["reason"]) for one in done],
        )
    if left := [one for one in done if one["outcome"] in {"failed", "unknown"}]:
        fail(f"{len(left)} of {len(done)} were not handled")


@letters_app.command()
def drop(
    service: Service,
    ids: Ids = None,
    *,
    every: Every = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask before dropping all")] = False,
    data_dir: DataDir = DATA,
    output: Output = Format.table,
) -> None:
    """Forget dead letters; their events will never be handled.

    For example:

    - `rounds dead-letter drop executor 12 13`
    - `rounds dead-letter drop executor --all --yes`
    """
    from cli import operations  # noqa: PLC0415 - see above

    chosen = _chosen(ids, every=every)
    if every and not yes:
        if not sys.stdin.isatty():
            fail("give --yes to drop all")
        if not typer.confirm(f"Drop all dead letters of {service}?"):
            fail("nothing was dropped")
    dropped = operations.run(data_dir, partial(operations.drop, service.value, chosen))
    if output is Format.json:
        print_json({"dropped": dropped})
    else:
        console.print(f"Dropped {len(dropped)}.")
    if missing := sorted(set(chosen or ()) - set(dropped)):
        fail(f"{service} has no dead letter {', '.join(map(str, missing))}")


def _chosen(ids: list[int] | None, *, every: bool) -> list[int] | None:
    """The ids given, None for all.

    Raises: typer.BadParameter when there is neither or both.
    """
    if bool(ids) is every:
        raise typer.BadParameter("give ids, or --all")
    return None if every else ids
