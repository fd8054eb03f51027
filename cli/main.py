"""The `rounds` command."""

import typer

from cli import cases, dead_letter, demo, login, outbox, platform, runs, secrets, tasks

app = typer.Typer(
    name="rounds",
    help="Runs API test cases at the due second, judges every step, keeps the report and mails the pass rate.",
    epilog="Exit codes: 0 done (a run passed), 1 a run did not pass, 2 the command could not do its work.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (platform, outbox, dead_letter, secrets, demo, tasks, runs, cases, login):
    app.add_typer(group.app)
