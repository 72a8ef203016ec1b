# SPDX-License-Identifier: Apache-2.0
"""`governance check ...`: run checks, explain how one ended, list them, and try another policy on the past."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from governance import policy as policies
from governance.cli import facts, output, shell
from governance.core.terms import VersionKey
from governance.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


CheckName = Annotated[str, typer.Argument(help="Name of the check, as in checks.yaml.")]
OneCheck = Annotated[str | None, typer.Argument(help="Name of the check; default: every check.")]
Directory = Annotated[Path, typer.Option("--policy", help="Policy directory to try.")]
Months = Annotated[int, typer.Option(help="How far back.", min=1, max=120)]
commands = typer.Typer(no_args_is_help=True, help="Checks: what is measured, and how it ended.")


def add_to(app: typer.Typer) -> None:
    """Hang these commands into the command line."""
    app.add_typer(commands, name="check")


@commands.command()
def run(model: facts.Model, version: facts.Version, *, as_json: output.AsJson = False) -> None:
    """Measure what is due on a version, decide at its gates; exit 1 if one is closed."""
    from governance.steps import model_gate

    rt, key = shell.runtime(), VersionKey(model, version)
    model_gate.check(rt, key)
    model_gate.decide(rt, key)
    facts.show_decisions(rt, key, as_json=as_json)


@commands.command("list")
def list_(*, as_json: output.AsJson = False) -> None:
    """List the families of checks, the company's own among them, and the checks of the policy with their limits."""
    from governance.steps import checks

    found = checks.listing(shell.runtime())
    output.rows(found, ("kind", "name", "family", "source", "limits"), as_json=as_json, empty="there are no checks")


@commands.command()
def explain(
    model: facts.Model,
    version: facts.Version,
    check: CheckName,
    *,
    as_of: facts.AsOf = None,
    known_at: facts.KnownAt = None,
    as_json: output.AsJson = False,
) -> None:
    """Show the newest result of a check with everything it saw: value, interval, limit, n and verdict."""
    from governance.steps import checks

    rt = shell.runtime()
    found = checks.explain(rt, VersionKey(model, version), check, shell.asked(rt, as_of, known_at))
    if as_json:
        output.document(found)
        return
    output.lines(_head(found))
    columns = ("observed", "slice", "value", "interval", "limit", "n", "verdict", "detail")
    rows = [_figures(seen) for seen in found["observations"]]
    output.rows(rows, columns, as_json=False, empty="nothing was observed")


def _head(found: Mapping[str, Any]) -> str:
    files = [f"{name} {sha256}" for name, sha256 in sorted(found["files"].items())]
    engines = [f"{name} {version}" for name, version in sorted(found["engines"].items())]
    age = f"{found['age_days']} days old, {found['max_age_days']} allowed; counts as {found['counts_as']}"
    lines = [
        f"{found['subject']} {found['check']}: {found['verdict']}",
        *([found["detail"]] if found["detail"] else []),
        *([f"cause       {found['cause']}"] if found["cause"] else []),
        f"at          {found['at'].isoformat(timespec='seconds')} ({age})",
        f"definition  {found['definition']}",
        f"data        {found['data_digest'] or '-'}",
        f"files       {', '.join(files) or '-'}",
        f"engines     {', '.join(engines) or '-'}",
        f"id          {found['id']}",
    ]
    return "\n".join(lines)


def _figures(seen: Mapping[str, Any]) -> dict[str, Any]:
    interval = "" if seen["low"] is None else f"[{_number(seen['low'])}, {_number(seen['high'])}]"
    limit = "" if seen["limit"] is None else f"{seen['comparison']} {_number(seen['limit'])}"
    return {**seen, "value": _number(seen["value"]), "interval": interval, "limit": limit}


def _number(value: object) -> str:
    """Six digits show what a limit was missed by; a bound that no number can be is infinite."""
    return "" if value is None else f"{value:.6g}" if isinstance(value, int | float) else str(value)


@commands.command()
def history(
    model: facts.Model,
    version: facts.Version,
    check: OneCheck = None,
    *,
    as_of: facts.AsOf = None,
    known_at: facts.KnownAt = None,
    as_json: output.AsJson = False,
) -> None:
    """List every result of a version, oldest first."""
    from governance.steps import checks

    rt = shell.runtime()
    found = checks.history(rt, VersionKey(model, version), check, shell.asked(rt, as_of, known_at))
    empty = "no check ever ran on it; run `governance check run MODEL VERSION`"
    output.rows(found, ("at", "check", "verdict", "n", "why"), as_json=as_json, empty=empty)


@commands.command()
def replay(policy: Directory, *, months: Months = 12, as_json: output.AsJson = False) -> None:
    """Judge stored results again under another policy, reading no data; list what differs and what cannot tell."""
    from governance.steps import checks

    found = checks.replay_under(shell.runtime(), policies.load(policy), months)
    if as_json:
        output.document(found)
        return
    told = [row for row in found if row["differs"] or row["now"] is None]
    columns = ("at", "subject", "check", "then", "now", "why")
    output.rows(told, columns, as_json=False, empty="every stored result would end as it did")
    output.lines(_summary(found))


def _summary(found: Sequence[Mapping[str, Any]]) -> str:
    kinds = Counter("open" if row["now"] is None else "differs" if row["differs"] else "same" for row in found)
    return f"{len(found)} results: {kinds['same']} the same, {kinds['differs']} differ, {kinds['open']} cannot be judged again"


@commands.command()
def probes(*, as_json: output.AsJson = False) -> None:
    """List the probe sets for generative models; the product itself never asks a model."""
    from governance.steps import checks

    columns = ("set", "id", "category", "expectation", "ja", "en")
    output.rows(checks.probe_sets(Settings()), columns, as_json=as_json, empty="there is no probe set")
