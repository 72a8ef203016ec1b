# SPDX-License-Identifier: Apache-2.0
"""What we hand to an auditor proves what it claims without us, and stops proving it as soon as anything is altered."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from governance.core import merkle, signed_note
from governance.core.signed_note import Checkpoint
from governance.core.terms import FileKind, VersionKey
from governance.errors import NotFoundError, PolicyError, ReportError
from governance.runtime import Runtime
from governance.steps import evidence_bundle, evidence_files, evidence_seal
from governance.steps.evidence_bundle import Selection
from governance.store import facts, gates, registers
from governance.store.models import GateDecisionRow, LedgerEntry, ModelVersionRow, RegisteredModelRow
from tests import factories
from tests.integration import databases
from tests.integration.test_ledger import NOW, Clock, alias, by_definition, migrated, runtime, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from sqlalchemy.orm import Session

    from governance.store.facts import Telling

KEY: Final = signed_note.new_signing_key("ledger.example")
NEXT: Final = signed_note.new_signing_key("ledger.example")
FOREIGN: Final = signed_note.new_signing_key("ledger.example")
VERIFIER: Final = signed_note.verifier_key(KEY)
SCRIPT: Final = factories.ROOT / "tools" / "audit_verify.py"
CREDIT, OTHER = VersionKey("credit-scoring", 1), VersionKey("other 与信", 1)
OCTOBER: Final = datetime(2026, 10, 20, 1, tzinfo=UTC)
REPORT: Final = b"%PDF-1.7 minutes"


@dataclass(frozen=True)
class Company:
    """Two models of which one was decided in October and one in November; three seals."""

    rt: Runtime
    home: Path
    decision: str
    """The id of the decision on `CREDIT`."""

    def bundle(self, name: str = "bundle", **selection: Any) -> Path:
        options = {key: selection.pop(key) for key in ("withhold", "kept") if key in selection}
        target = self.home / f"{name}.zip"
        evidence_bundle.bundle(self.rt, Selection(**selection), target, **options)
        return target


def know(session: Session, told: Telling) -> None:
    """What a reading of MLflow tells."""
    for key in (CREDIT, OTHER):
        head: dict[str, Any] = {"subject": key.model, "model": key.model, "tags": {"intended_use": "loans"}}
        about = RegisteredModelRow(**head, use_case=None, description="logistic regression", is_present=True)
        facts.record_changed(session, [about], told)
        head |= {"version": 1, "description": "logistic regression", "run_id": None, "source_uri": "models:/1"}
        seen = ModelVersionRow(**head, metrics={}, params={}, datasets=[], created_at=None, is_present=True)
        facts.record_changed(session, [seen], told)
        facts.record_changed(session, [alias(1, key.model)], told)
    registers.record_policy(session, factories.shipped(), told)


def judge(rt: Runtime, key: VersionKey) -> str:
    with rt.writing() as session:
        told = rt.telling(session)
        for name in factories.REQUIRED:
            said = factories.result(name, subject=key, at=told.at)
            gates.record_result(session, (key, name), "definition", said.finding, telling=told, fresh_since=told.at)
        gates.record_decision(session, factories.decision(key, at=told.at), "1.0", told)
        registers.record_risks(session, [factories.risk(subject=str(key))], told)
    with rt.reading() as session:
        found: str = session.scalars(sa.select(GateDecisionRow.id).where(GateDecisionRow.model == key.model)).one()
    return found


@pytest.fixture(scope="module", params=databases.KINDS)
def company(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Company]:
    home = tmp_path_factory.mktemp("company")
    (home / "minutes.pdf").write_bytes(REPORT)
    with migrated(request.param, home) as url:
        rt = runtime(url, home, signing_key=SecretStr(KEY))
        assert isinstance(rt.clock, Clock)
        rt.clock.now = OCTOBER
        with rt.writing() as session:
            know(session, rt.telling(session))
        evidence_seal.seal(rt)
        decision = judge(rt, CREDIT)
        evidence_files.keep(rt, home / "minutes.pdf", FileKind.MINUTES, str(CREDIT))
        evidence_seal.seal(rt)
        rt.clock.now = NOW
        judge(rt, OTHER)
        evidence_seal.seal(rt)
        tell(rt, alias(2, OTHER.model))
        yield Company(rt, home, decision)
        rt.engine.dispose()


@dataclass(frozen=True)
class Said:
    """What the auditor's program printed, and its exit code."""

    code: int
    text: str


def audit(bundle: Path, *arguments: str, key: str = VERIFIER, script: Path = SCRIPT) -> Said:
    command = [sys.executable, "-I", "-S", str(script), str(bundle), key, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr
    return Said(done.returncode, (done.stdout + done.stderr).strip())


def lines(bundle: Path) -> list[dict[str, Any]]:
    with zipfile.ZipFile(bundle) as archive:
        return [json.loads(line) for line in archive.read("entries.jsonl").splitlines()]


def tables(bundle: Path) -> set[str]:
    return {str(line["key"]).partition("/")[0] for line in lines(bundle)}


def published(company: Company) -> dict[int, Path]:
    place = Path(company.rt.settings.checkpoint_url)
    return {int(path.name.partition(".")[0]): path for path in place.glob("*.checkpoint")}


# --- what is in it

SELECTIONS: Final[dict[str, Callable[[Company], dict[str, str]]]] = {
    "period": lambda _company: {"period": "2026-10"},
    "model": lambda _company: {"model": CREDIT.model},
    "decision": lambda company: {"decision": company.decision},
}


@pytest.mark.parametrize("what", SELECTIONS)
def test_a_bundle_is_verified_by_the_program_in_it_and_against_every_published_checkpoint(
    company: Company, tmp_path: Path, what: str
) -> None:
    path = company.bundle(what, **SELECTIONS[what](company))
    with zipfile.ZipFile(path) as archive:
        inside = tmp_path / "audit_verify.py"
        inside.write_bytes(archive.read("audit_verify.py"))
        manifest = json.loads(archive.read("manifest.json"))
        files = [name for name in archive.namelist() if name.startswith("files/")]
        assert [archive.read(name) for name in files] == [REPORT]
    assert inside.read_bytes() == SCRIPT.read_bytes()
    digest = hashlib.sha256(SCRIPT.read_bytes()).hexdigest()
    assert manifest["audit_verify_sha256"] == digest == evidence_bundle.script_digest(company.rt)
    kept = [str(path) for path in published(company).values()]
    count, size = len(lines(path)), max(published(company))
    said = audit(path, *kept, script=inside)
    assert said == Said(0, f"OK {count} entries in the ledger of {size}, {count} facts, 1 files, 3 checkpoints")
    assert manifest["entries"] == count


def test_each_bundle_holds_what_it_is_about_and_what_that_rests_on(company: Company) -> None:
    basis = {"policy_version", "signing_key"}
    of_version = {"registered_model", "model_version", "alias_event", "check_result", "gate_decision"}
    month = company.bundle("month", period="2026-10")
    model = company.bundle("model", model=CREDIT.model)
    decision = company.bundle("decision", decision=company.decision)
    assert tables(month) == basis | of_version | {"risk_assessment", "evidence_file"}
    assert tables(model) == basis | of_version | {"risk_assessment", "evidence_file"}
    assert tables(decision) == basis | of_version | {"evidence_file"}
    judged = [line for line in lines(month) if line["key"].startswith("gate_decision/")]
    assert [line["key"] for line in judged] == [f"gate_decision/{company.decision}"], "November's is not October's"
    for path in (model, decision):
        rows = [json.loads(line["row"]) for line in lines(path)]
        assert {row["model"] for row in rows if "model" in row} == {CREDIT.model}
    assert OTHER.model not in model.read_bytes().decode("latin-1")
    seqs = [line["seq"] for line in lines(month)]
    assert len(seqs) == len(set(seqs))


def test_the_same_selection_gives_the_same_bytes(company: Company) -> None:
    first = company.bundle("first", period="2026-10").read_bytes()
    assert company.bundle("second", period="2026-10").read_bytes() == first


def test_withheld_rows_leave_ids_verdicts_and_numbers_that_still_verify(company: Company) -> None:
    path = company.bundle(model=CREDIT.model, withhold=True)
    count, size = len(lines(path)), max(published(company))
    said = audit(path)
    assert said == Said(0, f"OK {count} entries in the ledger of {size}, 0 facts, 0 files, 3 checkpoints")
    with zipfile.ZipFile(path) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist() if name != "audit_verify.py")
    for private in ("logistic regression", "loans", "tanaka", "偏り: 不合格", "minutes.pdf"):
        assert private.encode() not in everything
        assert json.dumps(private).encode() not in everything


def test_an_unsealed_fact_is_in_no_bundle(company: Company) -> None:
    path = company.bundle(model=OTHER.model)
    size = max(published(company))
    assert all(line["seq"] < size for line in lines(path))
    with company.rt.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(LedgerEntry)) == size + 1


def test_a_pack_file_can_be_asked_to_be_extended_though_it_is_old(company: Company) -> None:
    oldest = min(published(company))
    path = company.bundle(model=CREDIT.model, kept=(oldest, 10**9))
    assert audit(path, str(published(company)[oldest])).code == 0


@pytest.mark.parametrize(
    ("selection", "error", "said"),
    [
        ({}, PolicyError, "choose one of period, model and decision"),
        ({"period": "2026-10", "model": "m"}, PolicyError, "choose one of"),
        ({"period": "October"}, PolicyError, "YYYY-MM"),
        ({"decision": "no id"}, NotFoundError, "is no fact's id"),
        ({"decision": "ffffffffffff"}, NotFoundError, "no fact with an id that begins with"),
    ],
)
def test_a_selection_that_makes_no_sense_leaves_no_file(
    company: Company, selection: dict[str, str], error: type[Exception], said: str
) -> None:
    before = sorted(company.home.iterdir())
    with pytest.raises(error, match=said):
        company.bundle("nonsense", **selection)
    assert sorted(company.home.iterdir()) == before


def test_a_bundle_that_cannot_be_written_says_so(company: Company) -> None:
    with pytest.raises(ReportError, match="bundle"):
        company.bundle("no/such/directory/bundle", model=CREDIT.model)


def test_nothing_is_handed_over_before_the_first_seal(tmp_path: Path) -> None:
    with migrated("sqlite", tmp_path) as url:
        rt = runtime(url, tmp_path)
        tell(rt, alias(1))
        with pytest.raises(NotFoundError, match="not sealed yet") as caught:
            evidence_bundle.bundle(rt, Selection(model="m"), tmp_path / "bundle.zip")
        assert "governance evidence seal" in caught.value.hint
        with rt.reading() as session:
            id_ = session.scalars(sa.select(LedgerEntry.key)).one()
        with pytest.raises(NotFoundError, match="is not sealed yet"):
            evidence_bundle.prove(rt, id_)
        rt.engine.dispose()
    assert not list(tmp_path.glob("*.zip*"))


# --- when it is altered

Members = dict[str, bytes]


def change_line(members: Members, **changes: Any) -> None:
    found = [json.loads(line) for line in members["entries.jsonl"].splitlines()]
    target = next(line for line in found if line["key"].startswith("gate_decision/"))
    for name, change in changes.items():
        target[name] = change(target[name])
    members["entries.jsonl"] = b"".join(json.dumps(line).encode() + b"\n" for line in found)


def change_json(members: Members, name: str, change: Callable[[Any], object]) -> None:
    found = json.loads(members[name])
    change(found)
    members[name] = json.dumps(found).encode()


def change_file(members: Members) -> None:
    members[next(name for name in members if name.startswith("files/"))] += b" "


def remove_file(members: Members) -> None:
    del members[next(name for name in members if name.startswith("files/"))]


def add_file(members: Members) -> None:
    members[f"files/{hashlib.sha256(b'forged').hexdigest()}"] = b"forged"


def resign(members: Members) -> None:
    text, _, _ = members["checkpoint"].decode().rpartition("\n\n")
    members["checkpoint"] = signed_note.sign(text + "\n", FOREIGN).encode()


def promote_foreign_key(members: Members) -> None:
    """Sign the checkpoint with a key of one's own, and say that the right one announced it."""
    resign(members)
    new = signed_note.verifier_key(FOREIGN)
    by_itself = {"verifier_key": new, "previous": VERIFIER}
    by_itself["signature"] = signed_note.sign_bytes(b"governance signing key\n" + new.encode(), FOREIGN)
    by_itself["acceptance"] = signed_note.sign_bytes(b"governance signing key\n" + VERIFIER.encode(), FOREIGN)
    change_json(members, "keys.json", lambda keys: keys.append(by_itself))


def flip(hexadecimal: str) -> str:
    return ("1" if hexadecimal[0] == "0" else "0") + hexadecimal[1:]


def other_root(item: dict[str, Any]) -> None:
    """An earlier checkpoint of another history; whoever signed it had the key."""
    size = int(item["note"].split("\n")[1])
    item["note"] = signed_note.sign(Checkpoint("ledger.example", size, b"\1" * 32).text, KEY)


NOT_SEALED, NOT_RECORDED = "is not in the sealed ledger", "is not what was recorded"
ALTERED: Final[dict[str, tuple[Callable[[Members], object], str]]] = {
    "a verdict in an entry": (
        lambda m: change_line(m, body=lambda body: body.replace('"verdict":"pass"', '"verdict":"block"')),
        NOT_SEALED,
    ),
    "an entry's key": (lambda m: change_line(m, key=lambda key: key + "0"), NOT_SEALED),
    "an entry's place": (lambda m: change_line(m, seq=lambda seq: seq + 1), NOT_SEALED),
    "a proof": (lambda m: change_line(m, proof=lambda proof: [flip(proof[0]), *proof[1:]]), NOT_SEALED),
    "a proof cut short": (lambda m: change_line(m, proof=lambda proof: proof[:-1]), NOT_SEALED),
    "a proof of short hashes": (lambda m: change_line(m, proof=lambda proof: ["00", *proof[1:]]), "that is no hash"),
    "a row": (lambda m: change_line(m, row=lambda row: row.replace('"pass"', '"block"')), NOT_RECORDED),
    "a salt": (lambda m: change_line(m, salt=flip), NOT_RECORDED),
    "a salt withheld": (lambda m: change_line(m, salt=lambda _salt: None), "this is no bundle"),
    "an entry left out": (
        lambda m: m.update({"entries.jsonl": m["entries.jsonl"].partition(b"\n")[2]}),
        "but the manifest has",
    ),
    "the checkpoint's size": (
        lambda m: m.update(checkpoint=m["checkpoint"].replace(b"\n", b"\n1", 1)),
        "bad signature on the bundle's checkpoint",
    ),
    "the checkpoint's signer": (resign, "no signature by a trusted key on the bundle's checkpoint"),
    "the keys": (promote_foreign_key, "no signature by a trusted key on the bundle's checkpoint"),
    "an earlier checkpoint": (
        lambda m: change_json(m, "consistency.json", lambda found: other_root(found[-1])),
        "was rewritten",
    ),
    "a proof between checkpoints": (
        lambda m: change_json(m, "consistency.json", lambda found: found[-1]["proof"].append("00" * 32)),
        "was rewritten",
    ),
    "a file": (change_file, "was altered"),
    "a file left out": (remove_file, "is missing"),
    "a file added": (add_file, "belongs to no entry"),
    "the format": (
        lambda m: change_json(m, "manifest.json", lambda found: found.update(format="x")),
        "unknown format",
    ),
    "a member left out": (lambda m: m.pop("keys.json"), "this is no bundle"),
    "no JSON": (lambda m: m.update({"entries.jsonl": b"{"}), "this is no bundle"),
}


@pytest.fixture(scope="module")
def honest(company: Company) -> Members:
    with zipfile.ZipFile(company.bundle("honest", decision=company.decision)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(members: Members, target: Path) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target


@pytest.mark.parametrize("what", ALTERED)
def test_whatever_is_altered_in_a_bundle_is_named(honest: Members, tmp_path: Path, what: str) -> None:
    alter, reason = ALTERED[what]
    members = dict(honest)
    alter(members)
    assert members != honest
    said = audit(packed(members, tmp_path / "altered.zip"))
    assert said.code == 1
    assert said.text.startswith("FAIL ")
    assert reason in said.text


def test_a_bundle_that_was_only_packed_anew_is_still_good(honest: Members, tmp_path: Path) -> None:
    assert audit(packed(honest, tmp_path / "anew.zip")).text.startswith("OK ")


def test_another_key_and_another_history_are_refused(company: Company, tmp_path: Path) -> None:
    path = company.bundle(model=CREDIT.model)
    said = audit(path, key=signed_note.verifier_key(FOREIGN))
    assert said == Said(1, "FAIL no signature by a trusted key on the bundle's checkpoint")
    size = min(published(company))
    kept = tmp_path / "kept"
    for text, reason in (
        (signed_note.sign(Checkpoint("ledger.example", size, b"\1" * 32).text, KEY), "was rewritten"),
        (signed_note.sign(Checkpoint("ledger.example", size, b"\1" * 32).text, FOREIGN), "no signature by a trusted"),
        (
            signed_note.sign(Checkpoint("ledger.example", size + 1, b"\1" * 32).text, KEY),
            f"no proof for size {size + 1}",
        ),
        ("no note", "FAIL "),
    ):
        kept.write_text(text, encoding="utf-8")
        found = audit(path, str(kept))
        assert found.code == 1
        assert reason in found.text
    assert audit(path, str(tmp_path / "nothing here")).code == 1


def test_after_a_change_of_keys_the_new_one_verifies_all_of_a_bundle(tmp_path: Path) -> None:
    with migrated("sqlite", tmp_path) as url:
        rt = runtime(url, tmp_path, signing_key=SecretStr(KEY))
        tell(rt, alias(1))
        evidence_seal.seal(rt)
        (tmp_path / "old.key").write_text(KEY)
        assert isinstance(rt.clock, Clock)
        rt.clock.now += timedelta(hours=1)
        rt = Runtime(
            rt.settings.model_copy(update={"signing_key": SecretStr(NEXT)}), rt.policy, rt.engine, rt.clock, "tests"
        )
        evidence_seal.rotate(rt, tmp_path / "old.key")
        tell(rt, alias(2))
        evidence_seal.seal(rt)
        path = tmp_path / "bundle.zip"
        assert evidence_bundle.bundle(rt, Selection(model="m"), path) == 4, "two facts, two keys"
        kept = [str(path) for path in Path(rt.settings.checkpoint_url).iterdir()]
        for key in (KEY, NEXT):
            assert audit(path, *kept, key=signed_note.verifier_key(key)).code == 0
        rt.engine.dispose()


# --- one fact's proof


def test_a_proof_of_one_fact_stands_alone(company: Company) -> None:
    """C2SP tlog-proof: extra data, index, hashes; an empty line; the checkpoint."""
    text = evidence_bundle.prove(company.rt, company.decision[:12])
    head, _, note = text.partition("\n\n")
    title, extra, index, *hashes = head.split("\n")
    assert title == "c2sp.org/tlog-proof@v1"
    entry = base64.b64decode(extra.removeprefix("extra "), validate=True)
    assert entry.decode().startswith(f"gate_decision/{company.decision}\n{{")
    sealed = signed_note.read_checkpoint(note, [VERIFIER])
    seq = int(index.removeprefix("index "))
    proof = [base64.b64decode(line, validate=True) for line in hashes]
    assert merkle.verify_inclusion(seq, sealed.size, merkle.leaf_hash(entry), proof, sealed.root)
    assert not merkle.verify_inclusion(seq, sealed.size, merkle.leaf_hash(entry + b" "), proof, sealed.root)
    assert published(company)[sealed.size].read_text() == note
    with company.rt.reading() as session:
        leaves = session.scalars(sa.select(LedgerEntry.leaf).order_by(LedgerEntry.seq).limit(sealed.size)).all()
    assert by_definition(leaves) == sealed.root


def test_a_fact_is_shown_with_its_entry_and_the_first_seal_over_it(company: Company) -> None:
    shown = evidence_bundle.show(company.rt, company.decision)
    assert shown["fact"] == f"gate_decision/{company.decision}"
    assert shown["matches"] is True
    assert shown["row"]["verdict"] == shown["entry"]["disclosed"]["verdict"] == "pass"
    assert shown["sealed_at_size"] == sorted(published(company))[1]
    for fact in ("", "zz", "gate_decision/", company.decision[:5], "ffffffffff"):
        with pytest.raises(NotFoundError):
            evidence_bundle.show(company.rt, fact)
