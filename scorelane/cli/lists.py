"""``scorelane lists``: the reference lists, shipped or an operator's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from scorelane.cli import output
from scorelane.cli.errors import Misused

app = typer.Typer(help="Reference lists that signals read: free mail, shorteners, brands.", no_args_is_help=True)


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """List the reference lists in force, each with its entries, whose it is, and its digest."""
    from scorelane.settings import Settings
    from scorelane.signals.reference import read_reference

    folder = Settings().lists_folder
    digest = read_reference(folder).digest
    rows = [{**row, "in_force": digest} for row in _rows(folder)]
    if as_json:
        output.json_array(rows)
        return
    columns = ("list", "entries", "from", "digest")
    cells = [(row["list"], row["entries"], row["from"], row["digest"][:12]) for row in rows]
    output.table("", columns, cells, numbers=("entries",))
    output.note(f"all together: {digest}")


@app.command()
def update(
    path: Annotated[Path | None, typer.Argument(help="A folder of lists, or one list such as free_mail.txt.")] = None,
    shipped: Annotated[bool, typer.Option("--shipped", help="Go back to the shipped lists.")] = False,
) -> None:
    """Replace lists by an operator's, checked line by line; workers use them from their next chunk on."""
    from scorelane.settings import Settings
    from scorelane.signals.replacing import replace, restore

    if (path is None) == (not shipped):
        raise Misused("name a folder or a list, or give --shipped")
    folder = Settings().lists_folder
    reference = restore(folder) if path is None else replace(path, folder)
    whose = [row["list"] for row in _rows(folder) if row["from"] != "shipped"]
    output.note(f"in force: {', '.join(whose) or 'the shipped lists alone'}; digest {reference.digest}")


def _rows(folder: Path) -> list[dict[str, Any]]:
    """Every list with what is in force of it."""
    from scorelane.signals.reference import LIST_NAMES, SHIPPED, entries_digest, read_entries

    rows = []
    for name in LIST_NAMES:
        is_own = (folder / f"{name}.txt").exists()
        file = (folder.resolve() if is_own else SHIPPED) / f"{name}.txt"
        entries = read_entries(file)
        rows.append(
            {
                "list": name,
                "entries": len(set(entries)),
                "from": str(file) if is_own else "shipped",
                "digest": entries_digest(entries),
            }
        )
    return rows
