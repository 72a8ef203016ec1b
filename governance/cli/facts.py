# SPDX-License-Identifier: Apache-2.0
"""Commands that tell or read facts: the same steps that the DAGs run."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from governance.cli import output
from governance.core.terms import VersionKey

if TYPE_CHECKING:
    from governance.runtime import Runtime

Model = Annotated[str, typer.Argument(help="Name of the registered model.")]
Version = Annotated[int, typer.Argument(help="Number of the version.", min=1)]
Period = Annotated[str | None, typer.Option(help="Month YYYY-MM; default: the newest month due.")]

inventory = typer.Typer(no_args_is_help=True, help="The AI inventory.")
gate = typer.Typer(no_args_is_help=True, help="Gates and their decisions.")
pack = typer.Typer(no_args_is_help=True, help="Committee packs.")


def add_to(app: typer.Typer) -> None:
    """Hang these commands into the command line."""
    app.add_typer(inventory, name="inventory")
    app.add_typer(gate, name="gate")
    app.add_typer(pack, name="pack")
    for command in (sync, check, risks, kpis):
        app.command()(command)


def _runtime() -> Runtime:
    from governance import runtime

    return runtime.build(actor=getpass.getuser(), source="shell")


def sync(*, as_json: output.AsJson = False) -> None:
    """Read MLflow in full and reconcile the inventory."""
    from governance.steps import inventory_sync

    sweep = inventory_sync.sync(_runtime())
    if as_json:
        output.document(sweep)
    else:
        changes = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in sweep["changes"].items() if n)
        typer.echo(f"{sweep['models']} models, {sweep['versions']} versions; {changes or 'nothing changed'}")


def check(model: Model, version: Version, *, as_json: output.AsJson = False) -> None:
    """Measure what is due on a version, decide at its gates; exit 1 if one is closed."""
    from governance.steps import model_gate

    rt, key = _runtime(), VersionKey(model, version)
    model_gate.check(rt, key)
    model_gate.decide(rt, key)
    _show_decisions(rt, key, as_json=as_json)


@gate.command("show")
def gate_show(model: Model, version: Version, *, as_json: output.AsJson = False) -> None:
    """Show how the gates decided on a version, and why; exit 1 if one is closed."""
    _show_decisions(_runtime(), VersionKey(model, version), as_json=as_json)


def _show_decisions(rt: Runtime, key: VersionKey, *, as_json: bool) -> None:
    from governance.steps import listings, model_gate

    decisions = model_gate.decisions(rt, key)
    if as_json:
        output.document([listings.gate(decision, rt.settings.language) for decision in decisions])
    else:
        output.lines("\n".join(model_gate.report(decision, rt.settings.language) for decision in decisions))
    if any(decision.blocks for decision in decisions):
        raise typer.Exit(1)


@gate.command("list")
def gate_list(*, as_json: output.AsJson = False) -> None:
    """List the newest decision of every version at a gate, blocked first."""
    from governance.steps import listings

    columns = ("gate", "subject", "tier", "verdict", "reasons")
    empty = "no gate has decided yet; run `governance sync` and `governance check`"
    output.rows(listings.gates(_runtime()), columns, as_json=as_json, empty=empty)


@inventory.command("list")
def inventory_list(*, as_json: output.AsJson = False) -> None:
    """List registered models with their aliases, use case and owner."""
    from governance.steps import listings

    columns = ("model", "versions", "aliases", "use_case", "tier", "owner")
    output.rows(
        listings.inventory(_runtime()), columns, as_json=as_json, empty="the inventory is empty; run `governance sync`"
    )


@inventory.command("findings")
def inventory_findings(*, as_json: output.AsJson = False) -> None:
    """List what is out of order: orphans, missing owners, ungoverned champions."""
    from governance.steps import listings

    output.rows(
        listings.findings(_runtime()),
        ("kind", "subject", "use_case", "detail"),
        as_json=as_json,
        empty="nothing is out of order",
    )


def risks(
    *, as_json: output.AsJson = False, refresh: Annotated[bool, typer.Option(help="Reassess first.")] = False
) -> None:
    """List open risks, highest score first."""
    from governance.steps import listings, risk_register

    rt = _runtime()
    if refresh:
        risk_register.reassess(rt)
    columns = ("score", "subject", "rule", "likelihood", "impact", "owner", "due_on", "cause")
    output.rows(listings.risks(rt), columns, as_json=as_json, empty="no open risk")


def kpis(
    *, as_json: output.AsJson = False, refresh: Annotated[bool, typer.Option(help="Measure first.")] = False
) -> None:
    """List the newest value of every KPI."""
    from governance.steps import kpi_metrics, listings

    rt = _runtime()
    if refresh:
        kpi_metrics.measure(rt)
    columns = ("kpi", "value", "light", "numerator", "denominator", "detail")
    output.rows(
        listings.kpis(rt), columns, as_json=as_json, empty="no KPI was measured yet; run `governance kpis --refresh`"
    )


@pack.command("build")
def pack_build(*, period: Period = None, as_json: output.AsJson = False) -> None:
    """Build a month's committee pack in Japanese and English."""
    from governance.steps import committee_pack

    files = committee_pack.build(_runtime(), period)
    rows = [{"path": path, "sha256": sha256} for path, sha256 in files.items()]
    output.rows(rows, ("path", "sha256"), as_json=as_json, empty="nothing was built")


@pack.command("list")
def pack_list(*, as_json: output.AsJson = False) -> None:
    """List published packs with the digests of their files."""
    from governance.steps import listings

    columns = ("period", "revision", "interim", "as_of", "files")
    output.rows(listings.packs(_runtime()), columns, as_json=as_json, empty="no pack was built yet")
