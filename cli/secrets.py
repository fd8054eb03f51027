"""`rounds secrets`: encryption under the first of ROUNDS_ENCRYPTION_KEYS."""

import typer

from cli.api import DEFAULT_URL, Api, Token, Url, connected
from cli.output import Format, Output, console, errors, print_json

Key = dict[str, str]
"""`id` and `fingerprint`."""

app = typer.Typer()
secrets_app = typer.Typer(help="Secrets at rest.", no_args_is_help=True)
app.add_typer(secrets_app, name="secrets", rich_help_panel="Run Rounds")


@secrets_app.command()
def rotate(url: Url = DEFAULT_URL, token: Token = None, output: Output = Format.table) -> None:
    """Encrypt what is under an older key with the first of ROUNDS_ENCRYPTION_KEYS, as a superuser.

    Put the new key in front at catalog, executor and notifier and restart them before; take the old key away after.

    It tells which key is in force, and under which keys the secrets were before; of a key its id and a fingerprint.

    For example:

    - `rounds secrets rotate`
    """
    before: list[Key] = []
    with connected(url, token) as api:
        secrets, key_of_catalog = _rotate(api, "/catalog/secrets:rotate", before)
        channels, key_of_notifier = _rotate(api, "/notifications/channels:rotate", before)
    now = _each_once([key_of_catalog, key_of_notifier])
    before = _each_once(before)
    if output is Format.json:
        print_json({"secrets": secrets, "channels": channels, "before": before, "now": now})
        return
    console.print(f"Encrypted anew: {secrets} secrets of environments, {channels} channels.")
    console.print(f"The key in force is {_named(now)}; {_named(before) or 'no other'} was before.")
    if len(now) > 1:
        errors.print("catalog and notifier have different keys in force: restart the one that has the older one")


def _rotate(api: Api, path: str, before: list[Key]) -> tuple[int, Key]:
    """Each call takes some hundreds; the last one finds none. Answers how many those were, and the key in force."""
    total = 0
    while True:
        done = api.call("POST", path)
        if not done["rotated"]:
            return total, done["key"]
        total += done["rotated"]
        before += done["before"]


def _each_once(keys: list[Key]) -> list[Key]:
    return list({(key["id"], key["fingerprint"]): key for key in keys}.values())


def _named(keys: list[Key]) -> str:
    return " and ".join(f"{key['id']} (fingerprint {key['fingerprint']})" for key in keys)
