"""`rounds secrets`: encryption under the first of ROUNDS_ENCRYPTION_KEYS."""

import typer

from cli.api import DEFAULT_URL, Api, Token, Url, connected
from cli.output import Format, Output, console, print_json

app = typer.Typer()
secrets_app = typer.Typer(help="Secrets at rest.", no_args_is_help=True)
app.add_typer(secrets_app, name="secrets", rich_help_panel="Run Rounds")


@secrets_app.command()
def rotate(url: Url = DEFAULT_URL, token: Token = None, output: Output = Format.table) -> None:
    """Encrypt what is under an older key with the first of ROUNDS_ENCRYPTION_KEYS, as a superuser.

    Put the new key in front at catalog, executor and notifier and restart them before; take the old key away after.

    For example:

    - `rounds secrets rotate`
    """
    with connected(url, token) as api:
        done = {
            "secrets": _rotate(api, "/catalog/secrets:rotate"),
            "channels": _rotate(api, "/notifications/channels:rotate"),
        }
    if output is Format.json:
        print_json(done)
    else:
        console.print(f"Encrypted anew: {done['secrets']} secrets of environments, {done['channels']} channels.")


def _rotate(api: Api, path: str) -> int:
    """Each call takes some hundreds; the last one finds none."""
    total = 0
    while rotated := int(api.call("POST", path)["rotated"]):
        total += rotated
    return total
