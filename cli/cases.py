"""Commands about cases: `cases`, and `case export | import | validate` for files of YAML.

The case language takes half a second to import, so only the commands that read or write a file do it.
"""

from pathlib import Path
from typing import Annotated

import typer

from cli.api import DEFAULT_URL, Token, Url, connected
from cli.output import Format, Output, console, print_json, print_table

app = typer.Typer()
case_app = typer.Typer(help="Cases as YAML files.", no_args_is_help=True)
app.add_typer(case_app, name="case", rich_help_panel="Use Rounds")

CaseId = Annotated[int, typer.Argument(min=1, metavar="CASE")]
File = Annotated[Path, typer.Argument(help="YAML or JSON; - for standard input")]


@app.command(rich_help_panel="Use Rounds")
def cases(
    project: Annotated[int | None, typer.Option(metavar="ID", help="only cases of this project")] = None,
    module: Annotated[int | None, typer.Option(metavar="ID", help="only cases in this module and below")] = None,
    search: Annotated[str | None, typer.Option(help="only cases with this in their name")] = None,
    tag: Annotated[str | None, typer.Option(help="only cases with this tag")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="how many cases at most")] = 50,
    output: Output = Format.table,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """List cases with their ids, which `rounds run` takes.

    For example:

    - `rounds cases --project 7`
    - `rounds cases --tag smoke --output json`
    """
    filters = {"project_id": project, "module_id": module, "search": search, "tag": tag, "page_size": limit}
    params = {name: value for name, value in filters.items() if value is not None}
    if module is not None:
        params["recursive"] = True
    with connected(url, token) as api:
        page = api.call("GET", "/catalog/cases", params=params)
    if output is Format.json:
        print_json(page)
        return
    rows = [
        (one["id"], one["name"], one["project_id"], one["module_id"], one["step_count"], ", ".join(one["tags"]))
        for one in page["data"]
    ]
    print_table(("id", "name", "project", "module", "steps", "tags"), rows)
    if page["total"] > len(rows):
        console.print(f"{len(rows)} of {page['total']} cases", style="dim")


@case_app.command("export")
def export_case(case_id: CaseId, url: Url = DEFAULT_URL, token: Token = None) -> None:
    """Print a case's document as YAML.

    For example:

    - `rounds case export 22 > login.yaml`
    """
    with connected(url, token) as api:
        found = api.call("GET", f"/catalog/cases/{case_id}")
    from caselang.yamltext import dump_yaml  # noqa: PLC0415 - see above

    print(dump_yaml(found["document"]), end="")


@case_app.command("import")
def import_case(
    file: File,
    module: Annotated[int | None, typer.Option(min=1, metavar="ID", help="save as a new case of this module")] = None,
    case: Annotated[int | None, typer.Option(min=1, metavar="ID", help="save it as this case's next revision")] = None,
    output: Output = Format.table,
    url: Url = DEFAULT_URL,
    token: Token = None,
) -> None:
    """Save a file as a new case, or as a case's next revision.

    For example:

    - `rounds case import login.yaml --module 4`
    - `rounds case import login.yaml --case 22`
    """
    if (module is None) == (case is None):
        raise typer.BadParameter("give either --module or --case")
    from cli import casefile  # noqa: PLC0415 - see above

    document = casefile.read(file)
    with connected(url, token) as api:
        if module is not None:
            saved = api.call("POST", f"/catalog/modules/{module}/cases", json={"document": document})
        else:
            saved = api.call("PUT", f"/catalog/cases/{case}", json={"document": document})
    if output is Format.json:
        print_json(saved)
    else:
        console.print(f"Case {saved['id']} {saved['name']}: revision {saved['revision']}", markup=False)


@case_app.command()
def validate(file: File) -> None:
    """Check a file without a server. Exit code 2 when it has faults; each is named with its place.

    For example:

    - `rounds case validate login.yaml`
    """
    from cli import casefile  # noqa: PLC0415 - see above

    console.print(f"{file} is valid: {casefile.validate(file)}", markup=False)
