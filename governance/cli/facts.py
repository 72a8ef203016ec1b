# SPDX-License-Identifier: Apache-2.0
"""Commands that tell or read facts: the same steps that the DAGs run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from governance.cli import output, shell
from governance.core.terms import VersionKey
from governance.core.wording import decision_report

if TYPE_CHECKING:
    from governance.core.terms import Subject
    from governance.runtime import Runtime

Model = Annotated[str, typer.Argument(help="Name of the registered model.")]
Version = Annotated[int, typer.Argument(help="Number of the version.", min=1)]
AsOf = Annotated[str | None, typer.Option(help="How things were at the end of a day, or at a moment (ISO 8601).")]
KnownAt = Annotated[str | None, typer.Option(help="... as far as was known then; default: all that is known now.")]
Period = Annotated[str | None, typer.Option(help="Month YYYY-MM; default: the newest month due.")]

inventory = typer.Typer(no_args_is_help=True, help="The AI inventory.")
gate = typer.Typer(no_args_is_help=True, help="Gates and their decisions.")
pack = typer.Typer(no_args_is_help=True, help="Committee packs.")


def add_to(app: typer.Typer) -> None:
    """Hang these commands into the command line."""
    app.add_typer(inventory, name="inventory")
    app.add_typer(gate, name="gate")
    app.add_typer(pack, name="pack")
    for command in (sync, risks, kpis):
        app.command()(command)


def sync(
    *,
    accept_drop: Annotated[bool, typer.Option("--accept-drop", help="Much is missing, and that is right.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Read every run again, changed or not.")] = False,
    as_json: output.AsJson = False,
) -> None:
    """Read MLflow and reconcile the inventory."""
    from governance.steps import inventory_sync

    sweep = inventory_sync.sync(shell.runtime(), accept_drop=accept_drop, full=full)
    if as_json:
        output.document(sweep)
    else:
        changes = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in sweep["changes"].items() if n)
        typer.echo(f"{sweep['models']} models, {sweep['versions']} versions; {changes or 'nothing changed'}")


@gate.command("show")
def gate_show(model: Model, version: Version, *, as_json: output.AsJson = False) -> None:
    """Show how the gates decided on a version, and why; exit 1 if one is closed."""
    show_decisions(shell.runtime(), VersionKey(model, version), as_json=as_json)


def show_decisions(rt: Runtime, key: Subject, *, as_json: bool) -> None:
    """Show the newest decision of each gate on a subject; exit 1 if one is closed."""
    from governance.steps import listings, oversight

    decisions = oversight.decisions(rt, key)
    if as_json:
        output.document([listings.gate(decision, rt.settings.language) for decision in decisions])
    else:
        output.lines("\n".join(decision_report(decision, rt.settings.language) for decision in decisions))
    if any(decision.blocks for decision in decisions):
        raise typer.Exit(1)


@gate.command("explain")
def gate_explain(
    model: Model,
    version: Version,
    *,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    language: output.Tongue = None,
) -> None:
    """Explain how the gates decided on a version: reasons, changes, cause, people, evidence; exit 1 if one is closed.

    Of a protected twin's version: what it is a copy of, and whether it may serve; exit 1 if not.
    """
    from governance.reports.gate_text import Tongue, render, render_copy
    from governance.steps import gate_report

    rt = shell.runtime()
    key, asked = VersionKey(model, version), shell.asked(rt, as_of, known_at)
    reports, copy = gate_report.read(rt, key, asked), gate_report.of_copy(rt, key, asked)
    tongue = Tongue(language.value if language else rt.settings.language, rt.zone)
    told = [render_copy(copy, tongue, is_decided=bool(reports))] if copy else []
    output.lines("\n\n".join([*told, *(render(report, tongue) for report in reports)]))
    if copy.against if copy else any(report.decision.blocks for report in reports):
        raise typer.Exit(1)


@gate.command("list")
def gate_list(*, as_of: AsOf = None, known_at: KnownAt = None, as_json: output.AsJson = False) -> None:
    """List the newest decision of every version at a gate, blocked first."""
    from governance.steps import listings

    rt = shell.runtime()
    columns = ("gate", "subject", "tier", "verdict", "reasons")
    empty = "no gate has decided yet; run `governance sync` and `governance check run`"
    output.rows(listings.gates(rt, shell.asked(rt, as_of, known_at)), columns, as_json=as_json, empty=empty)


@inventory.command("list")
def inventory_list(*, as_of: AsOf = None, known_at: KnownAt = None, as_json: output.AsJson = False) -> None:
    """List registered models and declared systems with their aliases, use case and owner."""
    from governance.steps import listings

    rt = shell.runtime()
    columns = ("model", "kind", "versions", "aliases", "use_case", "tier", "owner")
    output.rows(
        listings.inventory(rt, shell.asked(rt, as_of, known_at)),
        columns,
        as_json=as_json,
        empty="the inventory is empty; run `governance sync`",
    )


@inventory.command("findings")
def inventory_findings(*, as_of: AsOf = None, known_at: KnownAt = None, as_json: output.AsJson = False) -> None:
    """List what is out of order: orphans, missing owners, ungoverned champions."""
    from governance.steps import listings

    rt = shell.runtime()
    output.rows(
        listings.findings(rt, shell.asked(rt, as_of, known_at)),
        ("kind", "subject", "use_case", "detail"),
        as_json=as_json,
        empty="nothing is out of order",
    )


@inventory.command("aliases")
def inventory_aliases(
    *,
    model: Annotated[str | None, typer.Option(help="Of one registered model only.")] = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    as_json: output.AsJson = False,
) -> None:
    """List every move of an alias: within which window, and on which gate decision it rests."""
    from governance.steps import listings

    rt = shell.runtime()
    found = listings.aliases(rt, model, shell.asked(rt, as_of, known_at))
    columns = ("model", "alias", "from", "to", "after", "until", "decision", "outside_gate")
    output.rows(found, columns, as_json=as_json, empty="no alias was ever seen")


@inventory.command("holder")
def inventory_holder(
    model: Model,
    alias: Annotated[str, typer.Argument(help="Such as champion.")],
    *,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    as_json: output.AsJson = False,
) -> None:
    """Tell which version held an alias at a moment, and whether that is certain."""
    from governance.steps import listings

    rt = shell.runtime()
    found = listings.holder(rt, model, alias, shell.asked(rt, as_of, known_at))
    columns = ("model", "alias", "at", "version", "since", "doubt")
    output.rows([found], columns, as_json=as_json, empty="nothing is known")


def risks(
    *,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    as_json: output.AsJson = False,
    refresh: Annotated[bool, typer.Option(help="Reassess first.")] = False,
) -> None:
    """List open risks, highest score first."""
    from governance.steps import listings, risk_register

    rt = shell.runtime()
    if refresh:
        risk_register.reassess(rt)
    columns = ("score", "subject", "rule", "likelihood", "impact", "owner", "due_on", "cause")
    output.rows(listings.risks(rt, shell.asked(rt, as_of, known_at)), columns, as_json=as_json, empty="no open risk")


def kpis(
    *,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    as_json: output.AsJson = False,
    refresh: Annotated[bool, typer.Option(help="Measure first.")] = False,
) -> None:
    """List the newest value of every KPI."""
    from governance.steps import kpi_metrics, listings

    rt = shell.runtime()
    if refresh:
        kpi_metrics.measure(rt)
    columns = ("kpi", "value", "light", "numerator", "denominator", "detail")
    output.rows(
        listings.kpis(rt, shell.asked(rt, as_of, known_at)),
        columns,
        as_json=as_json,
        empty="no KPI was measured yet; run `governance kpis --refresh`",
    )


@pack.command("build")
def pack_build(*, period: Period = None, as_json: output.AsJson = False) -> None:
    """Build a month's committee pack in Japanese and English."""
    from governance.steps import committee_pack

    files = committee_pack.build(shell.runtime(), period)
    rows = [{"path": path, "sha256": sha256} for path, sha256 in files.items()]
    output.rows(rows, ("path", "sha256"), as_json=as_json, empty="nothing was built")


@pack.command("list")
def pack_list(*, as_of: AsOf = None, known_at: KnownAt = None, as_json: output.AsJson = False) -> None:
    """List published packs with the digests of their files."""
    from governance.steps import listings

    rt = shell.runtime()
    columns = ("period", "revision", "interim", "as_of", "files")
    output.rows(
        listings.packs(rt, shell.asked(rt, as_of, known_at)), columns, as_json=as_json, empty="no pack was built yet"
    )


@pack.command("restatements")
def pack_restatements(*, as_of: AsOf = None, known_at: KnownAt = None, as_json: output.AsJson = False) -> None:
    """List figures of published packs that facts learnt later have changed; exit 1 if there are any."""
    from governance.steps import listings

    rt = shell.runtime()
    found = listings.restatements(rt, shell.asked(rt, as_of, known_at))
    columns = ("period", "figure", "published", "now", "causes")
    output.rows(found, columns, as_json=as_json, empty="every published figure still reads as it did")
    if found:
        raise typer.Exit(1)
