# SPDX-License-Identifier: Apache-2.0
"""Show facts with their entries, and hand proof to an outsider: one entry's, or a bundle of many."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from governance.core import merkle
from governance.core.calendar import parse_month
from governance.core.evidence import canonical
from governance.errors import NotFoundError, PolicyError, ReportError
from governance.store import checkpoints, entries, erasure, files, ledger
from governance.store.models import EvidenceFileRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session

    from governance.core.merkle import Nodes
    from governance.runtime import Runtime
    from governance.store.entries import StoredEntry

FORMAT: Final = "governance-evidence-bundle/1"
_STAMP: Final = (2020, 1, 1, 0, 0, 0)
"""Of every member: the same selection gives the same bytes."""
_CHECKPOINTS: Final = 500
"""Earlier checkpoints proved by default: about three weeks of hourly ones."""
_FILE: Final = f"{EvidenceFileRow.__tablename__}/"
_NOT_SEALED: Final = "Run `governance evidence seal` first."


@dataclass(frozen=True, slots=True)
class Selection:
    """Which facts a bundle is about; exactly one is given."""

    period: str | None = None
    model: str | None = None
    decision: str | None = None


def show(rt: Runtime, fact: str) -> dict[str, Any]:
    """One fact (id or its first characters) with its entry and the seal that covers it.

    Raises:
        NotFoundError: no fact, or more than one, begins so.
    """
    with rt.reading() as session:
        entry = entries.find(session, fact)
        seal = checkpoints.first_over(session, entry.seq)
    return {
        "fact": entry.key,
        "seq": entry.seq,
        "row": json.loads(entry.row) if entry.row else None,
        "entry": json.loads(entry.body),
        "matches": entry.matches,
        "sealed_at_size": seal[0] if seal else None,
    }


def erase(rt: Runtime, fact: str, ground: str) -> str:
    """Remove the free text and personal data of one fact; its entry stays, and the ledger still verifies.

    Returns:
        The key of the fact.

    Raises:
        NotFoundError: no fact, or more than one, begins so.
        PolicyError: no ground is given.
        StoreError: the account does not own the tables.
    """
    if not ground.strip():
        raise PolicyError("no ground is given", hint="Name the request or the decision that the erasure rests on.")
    with rt.writing() as session:
        entry = entries.find(session, fact)
        erasure.erase(session, entry, ground.strip(), rt.telling(session))
    return entry.key


def prove(rt: Runtime, fact: str) -> str:
    """A proof that one fact is in the sealed ledger (C2SP tlog-proof), with its entry as extra data.

    Raises:
        NotFoundError: no such fact, or it is not sealed yet.
    """
    with rt.reading() as session:
        entry = entries.find(session, fact)
        seal = checkpoints.first_over(session, entry.seq)
        if seal is None:
            raise NotFoundError(f"{entry.key} is not sealed yet", hint=_NOT_SEALED)
        proof = merkle.inclusion(ledger.nodes(session), entry.seq, seal[0])
    extra = checkpoints.printed(f"{entry.key}\n{entry.body}".encode())
    lines = ["c2sp.org/tlog-proof@v1", f"extra {extra}", f"index {entry.seq}", *map(checkpoints.printed, proof)]
    return "\n".join(lines) + f"\n\n{seal[1]}"


def bundle(rt: Runtime, selection: Selection, target: Path, *, withhold: bool = False, kept: Iterable[int] = ()) -> int:
    """Write a bundle that `audit_verify.py`, which it contains, verifies with no access to anything else.

    Args:
        rt: the runtime.
        selection: which facts.
        target: the zip file to write; whole or not at all.
        withhold: leave the rows out, so that it shows ids, verdicts and numbers only.
        kept: sizes of further checkpoints that somebody holds; the bundle proves that it extends them.

    Returns:
        The number of entries.

    Raises:
        NotFoundError: nothing is selected, or the ledger is not sealed.
        PolicyError: the selection makes no sense.
        ReportError: the file cannot be written.
    """
    draft = target.with_name(f".{target.name}.part")
    try:
        with rt.reading() as session, zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
            count = _fill(rt, session, selection, _Writer(archive), withhold=withhold, kept=frozenset(kept))
        draft.replace(target)
    except OSError as error:
        raise ReportError(f"{target}: {error.strerror or error}", hint="Name a file that you can write.") from error
    finally:
        draft.unlink(missing_ok=True)
    return count


@dataclass(frozen=True, slots=True)
class _Writer:
    archive: zipfile.ZipFile

    def add(self, name: str, data: bytes) -> None:
        info = zipfile.ZipInfo(name, _STAMP)
        info.compress_type = zipfile.ZIP_DEFLATED
        self.archive.writestr(info, data)

    def lines(self, name: str, lines: Iterable[bytes]) -> int:
        info, count = zipfile.ZipInfo(name, _STAMP), 0
        info.compress_type = zipfile.ZIP_DEFLATED
        with self.archive.open(info, "w", force_zip64=True) as file:
            for line in lines:
                file.write(line + b"\n")
                count += 1
        return count


def _fill(
    rt: Runtime, session: Session, selection: Selection, out: _Writer, *, withhold: bool, kept: frozenset[int]
) -> int:
    seal = checkpoints.newest(session)
    note = checkpoints.note_at(session, seal.size) if seal else None
    if seal is None or note is None:
        raise NotFoundError("the ledger is not sealed yet", hint=_NOT_SEALED)
    nodes, script = ledger.nodes(session), _script(rt)
    out.add("audit_verify.py", script)
    out.add("checkpoint", note.encode())
    out.add("keys.json", canonical(_keys(session)))
    attached: set[str] = set()
    chosen = _noting_files(_chosen(rt, session, selection, seal.size), attached)
    count = out.lines("entries.jsonl", (_line(entry, nodes, seal.size, withhold=withhold) for entry in chosen))
    for sha256 in () if withhold else sorted(attached):
        out.add(f"files/{sha256}", files.get(rt.settings, sha256))
    if not count:
        raise NotFoundError("no sealed fact is selected", hint=f"Check the period, model or decision. {_NOT_SEALED}")
    out.add("consistency.json", canonical(list(_earlier(session, nodes, seal.size, kept))))
    about = {"period": selection.period, "model": selection.model, "decision": selection.decision}
    out.add(
        "manifest.json",
        canonical({"format": FORMAT, "entries": count, "selection": about, "audit_verify_sha256": _sha256(script)}),
    )
    return count


def _noting_files(chosen: Iterable[StoredEntry], attached: set[str]) -> Iterator[StoredEntry]:
    """Pass the entries on, and remember the evidence files that they record."""
    for entry in chosen:
        if entry.key.startswith(_FILE) and entry.row is not None:
            attached.add(json.loads(entry.row)["sha256"])
        yield entry


def script_digest(rt: Runtime) -> str:
    """SHA-256 of the program that verifies bundles, as a pack prints it."""
    return _sha256(_script(rt))


def _script(rt: Runtime) -> bytes:
    try:
        return rt.settings.audit_script.read_bytes()
    except OSError as error:
        raise PolicyError(
            f"GOVERNANCE_AUDIT_SCRIPT: {rt.settings.audit_script}: {error.strerror or error}",
            hint="Name tools/audit_verify.py of this version.",
        ) from error


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _chosen(rt: Runtime, session: Session, selection: Selection, size: int) -> Iterator[StoredEntry]:
    if sum(value is not None for value in (selection.period, selection.model, selection.decision)) != 1:
        raise PolicyError("choose one of period, model and decision", hint="For example --period 2026-10.")
    if selection.period is not None:
        month = parse_month(selection.period)
        return entries.of_period(session, month.start(rt.zone), month.end(rt.zone), selection.period, size)
    if selection.model is not None:
        return entries.of_model(session, selection.model, size)
    return entries.of_decision(session, selection.decision or "", size)


def _line(entry: StoredEntry, nodes: Nodes, size: int, *, withhold: bool) -> bytes:
    shown = entry.row is not None and entry.salt is not None and not withhold
    return canonical(
        {
            "seq": entry.seq,
            "key": entry.key,
            "body": entry.body,
            "proof": [hash_.hex() for hash_ in merkle.inclusion(nodes, entry.seq, size)],
            "row": entry.row if shown else None,
            "salt": entry.salt if shown else None,
        }
    )


def _keys(session: Session) -> list[dict[str, str | None]]:
    return [
        {
            "verifier_key": link.verifier_key,
            "previous": link.previous,
            "signature": link.signature,
            "acceptance": link.acceptance,
        }
        for link in checkpoints.key_chain(session)
    ]


def _earlier(session: Session, nodes: Nodes, size: int, kept: frozenset[int]) -> Iterator[dict[str, Any]]:
    """Proofs from the newest checkpoints, those that packs print, and those asked for."""
    newest = checkpoints.newest_sizes(session, _CHECKPOINTS)
    for before in sorted(kept | entries.printed_sizes(session) | newest):
        note = checkpoints.note_at(session, before)
        if note is not None and 0 < before < size:
            proof = [hash_.hex() for hash_ in merkle.consistency(nodes, before, size)]
            yield {"size": before, "note": note, "proof": proof}
