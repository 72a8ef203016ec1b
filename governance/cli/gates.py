# SPDX-License-Identifier: Apache-2.0
"""`governance gate approve ...`, `governance waiver ...`, `governance hold ...`: what people say about gates."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from governance.cli import facts, output, shell
from governance.core.holds import HoldScope  # noqa: TC001 - as above
from governance.core.terms import VersionKey
from governance.core.wording import decision_report
from governance.errors import PolicyError

if TYPE_CHECKING:
    from governance.core.terms import Subject
    from governance.runtime import Runtime

Gate = Annotated[str, typer.Argument(help="Code of the gate, for example G4.")]
Seat = Annotated[str, typer.Option(help="The seat that answers (people.yaml).")]
Reason = Annotated[str, typer.Option(help="Why; kept as evidence.")]
Login = Annotated[str | None, typer.Option("--login", help="Who says so; default: who runs this shell.")]
Code = Annotated[str | None, typer.Option(help="The code that was shown; refused if the facts have changed since.")]
WaiverId = Annotated[str, typer.Argument(help="Id of the waiver, for example W-0123456789.")]
HoldId = Annotated[str, typer.Argument(help="Id of the hold, for example H-0123456789.")]

waiver = typer.Typer(no_args_is_help=True, help="Waivers: a failed check let pass for a while.")
hold = typer.Typer(no_args_is_help=True, help="Holds: stopping a model, and the proof.")


def add_to(app: typer.Typer) -> None:
    """Hang these commands into the command line."""
    for command in (approve, reject, guard, promote):
        facts.gate.command()(command)
    app.add_typer(waiver, name="waiver")
    app.add_typer(hold, name="hold")


def approve(
    model: facts.Model,
    version: facts.Version,
    gate: Gate,
    *,
    seat: Seat,
    reason: Reason,
    code: Code = None,
    login: Login = None,
) -> None:
    """Approve a version at a gate, for a seat."""
    answer("approve", VersionKey(model, version), gate, seat, reason, code, login)


def reject(
    model: facts.Model,
    version: facts.Version,
    gate: Gate,
    *,
    seat: Seat,
    reason: Reason,
    code: Code = None,
    login: Login = None,
) -> None:
    """Reject a version at a gate, for a seat."""
    answer("reject", VersionKey(model, version), gate, seat, reason, code, login)


def answer(said: str, key: Subject, gate: str, seat: str, reason: str, code: str | None, login: str | None) -> None:
    """Record what a seat answers about a subject, and show how its gates stand then."""
    from governance.steps import gate_review, oversight

    rt = shell.runtime()
    question = gate_review.question(rt, key, gate, seat, code)
    gate_review.answer(rt, question, shell.login(login), said, reason)
    told = (decision_report(decision, rt.settings.language) for decision in oversight.decisions(rt, key))
    output.lines("\n".join(told))


def guard(
    uri: Annotated[str, typer.Argument(help="models:/NAME@ALIAS or models:/NAME/VERSION.")],
    *,
    as_json: output.AsJson = False,
) -> None:
    """Say whether a version may serve, from the facts alone; exit 1 with the reasons if not. For CI/CD pipelines."""
    from governance.steps import may_serve

    model, version, alias = _parsed(uri)
    key, reasons = may_serve.check(shell.runtime(), model, version, alias)
    if as_json:
        output.document({"model": key.model, "version": key.version, "open": not reasons, "reasons": reasons})
    else:
        output.lines("\n".join([f"{key}: {'blocked' if reasons else 'open'}", *(f"- {reason}" for reason in reasons)]))
    if reasons:
        raise typer.Exit(1)


def _parsed(uri: str) -> tuple[str, int | None, str | None]:
    name = uri.removeprefix("models:/")
    model, _, alias = name.rpartition("@")
    if uri.startswith("models:/") and model and alias:
        return model, None, alias
    model, _, number = name.rpartition("/")
    if not (uri.startswith("models:/") and model and number.isascii() and number.isdigit()):
        raise PolicyError(f"{uri} is no model", hint="Write models:/NAME@ALIAS or models:/NAME/VERSION.")
    return model, int(number), None


def promote(
    model: facts.Model, version: facts.Version, *, alias: Annotated[str, typer.Option(help="The protected alias.")]
) -> None:
    """Give a version whose gates are open a protected alias in MLflow."""
    from governance.steps import promotion

    done = promotion.promote(shell.runtime(), VersionKey(model, version), alias)
    output.lines(f"{model} v{version} holds {alias} ({done.state}, {done.seconds} s)")


@waiver.command("request")
def waiver_request(  # noqa: PLR0913 - what the form asks
    model: facts.Model,
    version: facts.Version,
    gate: Gate,
    check: Annotated[str, typer.Argument(help="The check that closes the gate.")],
    *,
    reason: Reason,
    control: Annotated[str, typer.Option(help="What is done instead, so that the risk is kept.")],
    until: Annotated[datetime, typer.Option(help="Last day, YYYY-MM-DD.", formats=["%Y-%m-%d"])],
    login: Login = None,
) -> None:
    """Ask for a waiver."""
    from governance.steps import waiver_request as waivers

    asked = waivers.request(
        shell.runtime(),
        VersionKey(model, version),
        gate,
        check,
        reason=reason,
        control=control,
        expires_on=until.date(),
        login=shell.login(login),
    )
    output.lines(f"{asked.id}: {asked.state}")


@waiver.command("grant")
def waiver_grant(id_: WaiverId, *, reason: Reason, login: Login = None) -> None:
    """Grant a waiver: the check passes at that gate until the waiver ends."""
    _decide_waiver(id_, reason, login, grant=True)


@waiver.command("reject")
def waiver_reject(id_: WaiverId, *, reason: Reason, login: Login = None) -> None:
    """Reject a waiver."""
    _decide_waiver(id_, reason, login, grant=False)


def _decide_waiver(id_: str, reason: str, login: str | None, *, grant: bool) -> None:
    from governance.steps import waiver_request as waivers

    decided = waivers.decide(shell.runtime(), id_, grant=grant, reason=reason, login=shell.login(login))
    output.lines(f"{decided.id}: {decided.state}")


@waiver.command("revoke")
def waiver_revoke(id_: WaiverId, *, reason: Reason, login: Login = None) -> None:
    """End a waiver before its time."""
    from governance.steps import waiver_request as waivers

    revoked = waivers.revoke(shell.runtime(), id_, reason=reason, login=shell.login(login))
    output.lines(f"{revoked.id}: {revoked.state}")


@waiver.command("list")
def waiver_list(*, as_of: facts.AsOf = None, known_at: facts.KnownAt = None, as_json: output.AsJson = False) -> None:
    """List waivers, the one that ends first on top."""
    from governance.steps import waiver_request as waivers

    rt = shell.runtime()
    columns = ("waiver", "subject", "gate", "check", "state", "expires_on", "decided_by")
    found = waivers.listing(rt, shell.asked(rt, as_of, known_at))
    output.rows(found, columns, as_json=as_json, empty="nothing is waived")


@hold.command("place")
def hold_place(
    scope: Annotated[HoldScope, typer.Argument(help="What is held.")],
    target: Annotated[str, typer.Argument(help="Name of the model, use case or vendor, or MODEL/VERSION.")],
    *,
    ground: Annotated[str, typer.Option(help="The kind of harm, for example safety.")],
    reason: Reason,
    emergency: Annotated[bool, typer.Option("--emergency", help="Before anybody reviewed it.")] = False,
    login: Login = None,
) -> None:
    """Order a hold, take the aliases away, and wait for the proof."""
    from governance.steps import emergency_hold as holds

    rt = shell.runtime()
    who = shell.login(login)
    placed = holds.place(rt, scope, target, ground=ground, reason=reason, login=who, emergency=emergency)
    output.lines(f"{placed.id}: ordered")
    _show_enforced(rt, placed.id)


@hold.command("enforce")
def hold_enforce(id_: HoldId) -> None:
    """Go on with a hold that is not proven yet."""
    _show_enforced(shell.runtime(), id_)


def _show_enforced(rt: Runtime, id_: str) -> None:
    from governance.steps import hold_enforcement

    enforced = hold_enforcement.enforce(rt, id_)
    removed = ", ".join(enforced.removed) or "nothing of its scope held a protected alias"
    seconds = "" if enforced.seconds is None else f" ({enforced.seconds} s after the order)"
    output.lines(f"{id_}: enforced: {removed}{seconds}{'' if enforced.in_time else ', late'}")
    for said in enforced.stopped:
        output.lines(f"{id_}: stopped: {said}")
    for system in enforced.out_of_reach:
        output.lines(f"{id_}: NOT stopped: {system}: nothing in MLflow serves it; stop it where it runs")


@hold.command("review")
def hold_review(
    id_: HoldId, *, finding: Annotated[str, typer.Option(help="What the committee found.")], login: Login = None
) -> None:
    """Record what the committee found about a hold."""
    from governance.steps import emergency_hold as holds

    output.lines(f"{holds.review(shell.runtime(), id_, finding=finding, login=shell.login(login)).id}: reviewed")


@hold.command("release")
def hold_release(
    id_: HoldId, *, conditions: Annotated[str, typer.Option(help="Under what conditions.")], login: Login = None
) -> None:
    """End a hold; its gates decide anew, and no alias comes back by itself."""
    from governance.steps import emergency_hold as holds

    released = holds.release(shell.runtime(), id_, conditions=conditions, login=shell.login(login))
    output.lines(f"{released.id}: released")


@hold.command("drill")
def hold_drill(
    model: Annotated[str, typer.Argument(help="A canary model that no use case names.")], *, login: Login = None
) -> None:
    """Take the real path on a canary model, and tell the seconds from order to proof."""
    from governance.steps import emergency_hold as holds

    drilled = holds.drill(shell.runtime(), model, login=shell.login(login))
    output.lines(f"{drilled.hold}: {', '.join(drilled.removed)} in {drilled.seconds} s")


@hold.command("list")
def hold_list(*, as_of: facts.AsOf = None, known_at: facts.KnownAt = None, as_json: output.AsJson = False) -> None:
    """List holds, live ones first."""
    from governance.steps import emergency_hold as holds

    rt = shell.runtime()
    columns = ("hold", "scope", "target", "state", "ordered_at", "proven_seconds", "late", "out_of_reach", "review_due")
    found = holds.listing(rt, shell.asked(rt, as_of, known_at))
    output.rows(found, columns, as_json=as_json, empty="nothing is held")
