# SPDX-License-Identifier: Apache-2.0
"""Seal the ledger, publish the seal outside the database, and compare everything with what was published."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from governance.core import signed_note
from governance.core.calendar import day_start
from governance.core.evidence import plain
from governance.core.terms import Words
from governance.delivery import email
from governance.errors import EvidenceError, GovernanceError, PolicyError
from governance.steps import evidence_files
from governance.store import checkpoints, verification
from governance.store.facts import record_changed
from governance.store.models import EvidenceVerification
from governance.store.verification import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sqlalchemy.orm import Session

    from governance.runtime import Runtime
    from governance.settings import Settings
    from governance.store.checkpoints import Position

_LOG: Final = logging.getLogger(__name__)
_SUBJECT: Final = "ledger"
_MOST_PRINTED: Final = 20


@dataclass(frozen=True, slots=True)
class Verification:
    """What was compared, and what does not match."""

    size: int
    root: str
    facts: int
    checkpoints: int
    problems: tuple[Problem, ...]
    seconds: float

    @property
    def is_intact(self) -> bool:
        """Whether everything matches."""
        return not self.problems


def signing_key(settings: Settings) -> str | None:
    """The key that seals, from the environment or its file; None when there is none.

    Raises:
        PolicyError: the file cannot be read, or holds no key.
    """
    if settings.signing_key is not None:
        key = settings.signing_key.get_secret_value().strip()
    elif settings.signing_key_file.exists():
        key = _read(settings.signing_key_file)
    else:
        return None
    signed_note.verifier_key(key)
    return key


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(
            f"GOVERNANCE_SIGNING_KEY_FILE: {path}: cannot be read", hint="It holds one line, PRIVATE+KEY+..."
        ) from error


def verifier_key(settings: Settings) -> str | None:
    """The key that published checkpoints are checked with."""
    if settings.verifier_key:
        return settings.verifier_key
    key = signing_key(settings)
    return signed_note.verifier_key(key) if key else None


def make_key(path: Path, name: str) -> str:
    """Draw a key, keep it in a new file that only its owner reads, and return its verifier key.

    Raises:
        PolicyError: the file is there already or cannot be written, or the name cannot be one.
    """
    key = signed_note.new_signing_key(name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{key}\n")
    except OSError as error:
        raise PolicyError(
            f"{path}: {error.strerror or error}", hint="Name a new file; a key that sealed something is never replaced."
        ) from error
    return signed_note.verifier_key(key)


def rotate(rt: Runtime, old: Path) -> str:
    """Announce the key in use as the successor of the one in `old`; returns the new verifier key.

    The old key seals what it vouches for once more before it hands over, and the new one at once after.

    Raises:
        EvidenceError: the key in `old` is not the one that was announced last.
        PolicyError: there is no new key.
    """
    key, previous = _required_key(rt.settings), _read(old)
    with rt.writing() as session:
        if not checkpoints.is_announced(session, key, rt.telling(session)):
            checkpoints.require_announced(session, previous, rt.telling(session))
            checkpoints.seal(session, previous)
    with rt.writing() as session:
        announced = checkpoints.announce(session, key, previous, rt.telling(session))
    seal(rt)
    return announced


def _required_key(settings: Settings) -> str:
    key = signing_key(settings)
    if key is None:
        raise PolicyError(
            "there is no key to seal the ledger with",
            hint="Run `governance evidence keygen`, or set GOVERNANCE_SIGNING_KEY; see docs/how-to/evidence.md.",
        )
    return key


def seal(rt: Runtime) -> Position:
    """Sign the ledger as it stands, publish what is not published yet, and mail the day's first seal.

    Raises:
        PolicyError: there is no key to sign with.
        EvidenceError: the log does not extend what was sealed or published before; nothing is signed.
        DeliveryError: sealed and published, but the mail did not go out.
    """
    key = _required_key(rt.settings)
    with rt.writing() as session:
        checkpoints.announce(session, key, None, rt.telling(session))
        keys = checkpoints.trusted(signed_note.verifier_key(key), checkpoints.key_chain(session))
    outside = checkpoints.newest_published(rt.settings.checkpoint_url, keys)
    with rt.writing() as session:
        sealed = checkpoints.seal(session, key, outside)
    publish(rt)
    _mail_once_a_day(rt, sealed)
    return sealed


def _mail_once_a_day(rt: Runtime, sealed: Position) -> None:
    """A day counts as mailed once the mail is out, so that an outage only delays it."""
    day, url = rt.clock().astimezone(rt.zone).date().isoformat(), rt.settings.checkpoint_url
    if sealed.note and email.is_set_up(rt.settings) and not checkpoints.is_mailed(url, day):
        email.send(rt.settings, f"Ledger checkpoint {sealed.size}", sealed.note)
        checkpoints.mark_mailed(url, day)


def publish(rt: Runtime) -> int:
    """Write every checkpoint that is not there yet to the place outside the database; returns how many."""
    there = checkpoints.published_sizes(rt.settings.checkpoint_url)
    with rt.reading() as session:
        missing = [note for note in checkpoints.notes(session) if note[0] not in there]
        return sum(checkpoints.publish(rt.settings.checkpoint_url, *note) for note in missing)


def seal_soon(rt: Runtime) -> Position:
    """Seal at once if there is a key; whatever goes wrong is left to the next scheduled seal, which tells it.

    Returns:
        Where the ledger stands, sealed or not.
    """
    try:
        if signing_key(rt.settings) is not None:
            return seal(rt)
    except GovernanceError as error:
        _LOG.warning("not sealed at once: %s", error)
    with rt.reading() as session:
        return checkpoints.position(session)


def verify(rt: Runtime) -> Verification:
    """Compare the whole ledger with itself, with every fact and file, and with every published checkpoint."""
    started = time.monotonic()
    with rt.reading() as session:
        roots, problems = _known_roots(rt.settings, session)
        walk = verification.log(session, roots)
        count, differing = verification.facts(session)
        spoilt = list(evidence_files.missing_or_altered(rt.settings, session, rt.current(session)))
    return Verification(
        size=walk.frontier.size,
        root=checkpoints.printed(walk.frontier.root()),
        facts=count,
        checkpoints=len(roots),
        problems=(*problems, *walk.problems, *differing, *spoilt),
        seconds=time.monotonic() - started,
    )


def _known_roots(settings: Settings, session: Session) -> tuple[dict[int, bytes], list[Problem]]:
    """Roots by size from the notes in the database and those published, and the notes that cannot be trusted."""
    kept = [(f"ledger_checkpoint {size}", note) for size, note in checkpoints.notes(session)]
    outside = list(checkpoints.published(settings.checkpoint_url).items())
    key = verifier_key(settings)
    if key is None:
        told = Words("照合に使う鍵がない", "there is no key to check it with")
        return {}, [Problem(where, told) for where, _ in (*kept, *outside)][:_MOST_PRINTED]
    keys = checkpoints.trusted(key, checkpoints.key_chain(session))
    return _opened([*outside, *kept], keys)


def _opened(notes: Iterable[tuple[str, str]], keys: set[str]) -> tuple[dict[int, bytes], list[Problem]]:
    roots: dict[int, bytes] = {}
    problems: list[Problem] = []
    for where, note in notes:
        try:
            read = signed_note.read_checkpoint(note, keys)
        except EvidenceError as error:
            message = str(error).partition("\n")[0]
            problems.append(Problem(where, Words(f"署名を確認できない ({message})", message)))
            continue
        if roots.setdefault(read.size, read.root) != read.root:
            problems.append(Problem(where, Words("別の公開済みの値と食い違う", "contradicts another published one")))
    return roots, problems


def verify_and_tell(rt: Runtime) -> Verification:
    """Verify, remember how it ended, and escalate at once when something does not match.

    Raises:
        EvidenceError: something does not match; it names what.
    """
    found = verify(rt)
    _remember(rt, found)
    if found.is_intact:
        return found
    text = report(found, rt.settings.language)
    _escalate(rt.settings, text)
    raise EvidenceError(text, hint="Keep database and published checkpoints as they are; see docs/how-to/evidence.md.")


def _escalate(settings: Settings, text: str) -> None:
    try:
        if email.is_set_up(settings):
            email.send(settings, "INCIDENT: evidence does not match", text)
    except GovernanceError:
        _LOG.exception("the incident could not be mailed")


def _remember(rt: Runtime, found: Verification) -> None:
    """A result like the last one is told once a day, or each verification would be the next one's news."""
    with rt.writing() as session:
        telling = rt.telling(session)
        findings = [plain(problem) for problem in found.problems]
        last = verification.last(session, telling.position)
        is_news = last is None or (last.intact, last.findings) != (found.is_intact, findings)
        if is_news or last is None or last.effective_at < day_start(telling.at, rt.zone):
            row = EvidenceVerification(
                subject=_SUBJECT, size=found.size, root=found.root, intact=found.is_intact, findings=findings
            )
            record_changed(session, [row], telling, fresh_since=telling.at)


def report(found: Verification, language: str) -> str:
    """A verification as people read it: the counts, then one line per problem."""
    ja = f"台帳 {found.size}件、記録 {found.facts}件、公開済みの封印 {found.checkpoints}件を照合: "
    en = f"compared {found.size} entries, {found.facts} facts, {found.checkpoints} checkpoints: "
    verdict = Words("すべて一致", "all match") if found.is_intact else Words("一致しない", "they do NOT match")
    lines = [f"- {p.where}: {p.what.in_(language)}" for p in found.problems[:_MOST_PRINTED]]
    more = len(found.problems) - _MOST_PRINTED
    rest = [Words(f"- ほか{more}件", f"- and {more} more").in_(language)] if more > 0 else []
    return "\n".join([Words(ja, en).in_(language) + verdict.in_(language), *lines, *rest])
