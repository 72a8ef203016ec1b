# SPDX-License-Identifier: Apache-2.0
"""Build the committee pack of a month in Japanese and English, and publish it once."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from governance.core import packs
from governance.core.calendar import Month, meeting_day, month_of, newest_due, parse_month
from governance.core.committee import Seal
from governance.errors import PolicyError
from governance.reports import pack as document
from governance.reports.files import write_whole
from governance.runtime import business_days
from governance.steps import evidence_bundle, evidence_seal, position, restatements
from governance.store import checkpoints, registers, verification
from governance.store import gates as gate_facts
from governance.store.facts import AsOf

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from sqlalchemy.orm import Session

    from governance.core.committee import Pack
    from governance.policy import Policy
    from governance.runtime import Runtime
    from governance.store.checkpoints import Position
    from governance.store.models import PackRow

LANGUAGES: Final = ("ja", "en")
_NO_ROOM: Final = "Check GOVERNANCE_PACK_DIR: it must be writable and have room."


def build(rt: Runtime, period: str | None = None) -> dict[str, str]:
    """Assemble, render and publish the pack of `period` (YYYY-MM; default: the newest month due).

    A month that has ended is cut off at its end. What was known, and which policy held, when its
    pack was first published is what later builds use too: building it again gives the same bytes
    and records nothing. A month that has not ended gives an interim pack as of now.

    Returns:
        Path of each file -> its SHA-256.

    Raises:
        PolicyError: `period` is not a month, or has not begun.
        ReportError: the pack could not be rendered or written.
    """
    month = _month(rt, period)
    published = _published(rt, month)
    position = _position(rt, published)
    files, pack = _typeset(rt, month, published, position)
    if published and _digests(files) != published.files:
        # Same facts, other typesetting: a newer template or font. What was published stays.
        files, pack = _typeset(rt, month, published, position, revision=published.revision + 1)
    for name, data in files.items():
        write_whole(rt.settings.pack_dir / name, data, hint=_NO_ROOM)
    with rt.writing() as session:
        telling = rt.telling(session)
        registers.record_policy(session, rt.policy, telling)
        registers.record_pack(session, pack, _digests(files), telling)
    return {str(rt.settings.pack_dir / name): sha for name, sha in _digests(files).items()}


def _month(rt: Runtime, period: str | None) -> Month:
    now = rt.clock()
    month = (
        parse_month(period)
        if period
        else newest_due(now, rt.policy.calendar.committee, business_days(rt.policy), rt.zone)
    )
    if month > month_of(now, rt.zone):
        raise PolicyError(f"period {month} has not begun", hint="Name this month for an interim pack, or a past one.")
    return month


def _published(rt: Runtime, month: Month) -> PackRow | None:
    with rt.reading() as session:
        return registers.final_pack(session, str(month), rt.current(session))


def _position(rt: Runtime, published: PackRow | None) -> Position:
    """Where the ledger stands for this pack: sealed now, or as it stood when the pack was first published."""
    if published is not None:
        with rt.reading() as session:
            return checkpoints.position_at(session, published.sealed_size or 0, published.known_at)
    return evidence_seal.seal_soon(rt)


def _typeset(
    rt: Runtime, month: Month, published: PackRow | None, position: Position, revision: int | None = None
) -> tuple[dict[str, bytes], Pack]:
    pack = assemble(rt, month, published, position, revision)
    return {_name(pack, language): _render(rt, pack, language) for language in LANGUAGES}, pack


def assemble(
    rt: Runtime, month: Month, published: PackRow | None, position: Position, revision: int | None = None
) -> Pack:
    """The content of a month's pack, on the clocks and under the policy of the published one if there is one."""
    now = rt.clock()
    interim = month == month_of(now, rt.zone)
    as_of = now if interim else month.end(rt.zone)
    at = AsOf(as_of, position.known_at)
    with rt.reading() as session:
        policy = (registers.policy(session, published.policy_digest) if published else None) or rt.policy
        meeting_on = meeting_day(month, policy.calendar.committee, business_days(policy))
        facts = replace(
            _facts(session, policy, month, at, rt.zone),
            seal=_seal(rt, session, position),
            restatements=restatements.find(rt, session, AsOf(at.known_at, at.known_at)),
        )
    number = revision or (published.revision if published else 1)
    return packs.assemble(packs.CutOff(str(month), at.as_of, at.known_at, interim, meeting_on, number), facts, policy)


def _facts(session: Session, policy: Policy, month: Month, at: AsOf, zone: ZoneInfo) -> packs.Facts:
    return packs.Facts(
        position=position.read(session, policy, at),
        kpis=registers.kpis(session, at),
        previous_kpis=registers.kpis(session, AsOf(month.previous.end(zone), at.known_at)),
        tallies=gate_facts.tally(session, month.start(zone), at),
    )


def _seal(rt: Runtime, session: Session, position: Position) -> Seal:
    at = AsOf(position.known_at, position.known_at)
    key, verified = checkpoints.newest_key(session, at), verification.last(session, at)
    return Seal(
        size=position.size,
        root=position.printed_root,
        note=position.note,
        verifier_key=key.verifier_key if key else None,
        intact=verified.intact if verified else None,
        verified_at=verified.effective_at if verified else None,
        script_digest=evidence_bundle.script_digest(rt),
    )


def _digests(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


def _name(pack: Pack, language: str) -> str:
    """`2026-10-r1.ja.pdf`; an interim pack carries its cut-off, so that none overwrites another."""
    stamp = f"-interim-{pack.as_of:%Y%m%dT%H%M%S%fZ}" if pack.interim else f"-r{pack.revision}"
    return f"{pack.period}{stamp}.{language}.pdf"


def _render(rt: Runtime, pack: Pack, language: str) -> bytes:
    return document.render(pack, language, template_dir=rt.settings.template_dir, font_dir=rt.settings.font_dir)
