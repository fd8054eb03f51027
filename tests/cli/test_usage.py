"""What the command says of itself, and to whoever holds it wrong."""

import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.cli.conftest import run_command

COMMANDS = (
    "up, serve, migrate, config, config check, demo, monitor, tasks, fire, scheduler tick, scheduler status, run, "
    "runs, cases, case export, case import, case validate, login, logout, outbox status, outbox snapshot, "
    "outbox replay, dead-letter list, dead-letter retry, dead-letter drop, secrets rotate"
)


async def test_help_lists_the_commands_and_tells_the_exit_codes() -> None:
    shown = await run_command("--help")
    assert (shown.code, shown.err) == (0, "")
    assert "Exit codes: 0" in shown.out
    assert "monitor" in shown.out
    assert "\x1b" not in shown.out


@pytest.mark.parametrize("command", COMMANDS.split(", "))
def test_help_has_an_example(command: str) -> None:
    shown = CliRunner().invoke(app, [*command.split(), "--help"])
    assert shown.exit_code == 0
    assert f"• rounds {command}" in shown.output


@pytest.mark.parametrize(
    "arguments",
    [
        "nonsense",
        "serve",
        "serve nobody",
        "up --port 70000",
        "run",
        "run 0",
        "run 22 --environment 7-3",
        "fire first",
        "monitor --output xml",
        "migrate nobody",
        "outbox replay --since yesterday",
        "dead-letter retry executor",
        "dead-letter drop executor --all --yes 12",
        "case import case.yaml",
    ],
)
def test_bad_arguments_are_explained_on_standard_error(arguments: str) -> None:
    ended = CliRunner().invoke(app, arguments.split())
    assert ended.exit_code == 2
    assert ended.stdout == ""
    assert "Error" in ended.stderr
