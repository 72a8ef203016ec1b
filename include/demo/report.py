# SPDX-License-Identifier: Apache-2.0
"""What the reader of `make demo` sees: timed stages while it runs, tables when it ends."""

import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from include.demo import summary
from include.demo.airflow_api import Json
from include.demo.errors import DemoError
from include.demo.layout import Layout

_COLOURS = {"success": "green", "pass": "green", "open": "green", "failed": "red", "block": "red", "blocked": "red"}
_PLAIN_WIDTH = 140


@dataclass
class Stages:
    """The stages of a run and the seconds that each took."""

    console: Console
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, name: str) -> Generator[None]:
        """Announce a stage, time it, and say that it is done."""
        start = time.monotonic()
        busy = self.console.status(name) if self.console.is_terminal else nullcontext()
        try:
            with busy:
                yield
        finally:
            self.seconds[name] = round(time.monotonic() - start, 1)
        self.console.print(f"[green]ok[/green]  {name:<40} {self.seconds[name]:6.1f} s")


def console(*, stderr: bool = False) -> Console:
    """Colours and spinners on a terminal, plain lines anywhere else."""
    made = Console(highlight=False, stderr=stderr, soft_wrap=False)
    if not made.is_terminal:
        made.width = max(made.width, _PLAIN_WIDTH)
    return made


def show(out: Console, content: Mapping[str, list[Json]], layout: Layout) -> None:
    """Print the tables, the packs and where to look next."""
    out.print(_runs(content["dag_runs"]))
    out.print(_gates(content["gates"]))
    _files(out, content["packs"])
    out.print(f"findings in the inventory: {len(content['findings'])}")
    out.print(f"everything as data: {layout.summary}", soft_wrap=True)
    out.print("[bold]look at it in the browser: make up[/bold]   (and make down when done)")


def fail(out: Console, error: DemoError) -> None:
    """Print an error with its log and its remedy."""
    first, *rest = error.lines()
    out.print(f"[bold red]{escape(first)}[/bold red]", soft_wrap=True)
    for line in rest:
        out.print(escape(line), soft_wrap=True)


def _runs(runs: Iterable[Json]) -> Table:
    table = _table("DAG runs", "DAG", "run", "type", "triggered by", "state", "seconds")
    for run in runs:
        seconds = "" if run["seconds"] is None else f"{run['seconds']:.1f}"
        by = "\n".join(run["triggered_by"])
        table.add_row(*_texts(run["dag_id"], run["run_id"], run["run_type"], by), _state(run["state"]), seconds)
    return table


def _gates(gates: Iterable[Json]) -> Table:
    table = _table("Gates", "subject", "gate", "decision", "reasons")
    for gate in gates:
        subject, name = (str(gate.get(key, "")) for key in ("subject", "gate"))
        table.add_row(*_texts(subject, name), _state(gate.get("verdict")), Text("\n".join(summary.reasons(gate))))
    return table


def _files(out: Console, packs: list[Json]) -> None:
    out.print(f"committee packs: {len(packs)}")
    for path in dict.fromkeys(summary.paths(packs)):
        out.print(f"  {escape(path)}", soft_wrap=True)


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", show_lines=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _texts(*cells: object) -> list[Text]:
    """Cells as text, never as markup: names come from outside."""
    return [Text(str(cell)) for cell in cells]


def _state(state: object) -> Text:
    return Text(str(state), style=_COLOURS.get(str(state), ""))
