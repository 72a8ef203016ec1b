# SPDX-License-Identifier: Apache-2.0
"""Checkpoints leave the database once, catch up after an outage, reach the mailbox, and outlive their keys."""

from __future__ import annotations

import email
import socket
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller
from pydantic import SecretStr

from governance.core import signed_note
from governance.core.signed_note import Checkpoint
from governance.errors import DeliveryError, EvidenceError, PolicyError
from governance.runtime import Runtime
from governance.steps import evidence_seal
from governance.store import checkpoints, facts
from governance.store.models import AliasEvent, EvidenceVerification, LedgerCheckpoint, SigningKey
from tests.integration import databases
from tests.integration.test_ledger import Clock, alias, copied, drop_triggers, migrated, runtime, tell

if TYPE_CHECKING:
    from collections.abc import Generator

KEY: Final = signed_note.new_signing_key("ledger.example")
NEXT: Final = signed_note.new_signing_key("ledger.example")
FOREIGN: Final = signed_note.new_signing_key("ledger.example")
MAILBOX: Final = "audit@example.co.jp"


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Generator[SecretStr]:
    with migrated("sqlite", tmp_path_factory.mktemp("empty")) as url:
        yield url


@pytest.fixture
def rt(empty: SecretStr, tmp_path: Path) -> Generator[Runtime]:
    with copied(empty, tmp_path) as url:
        opened = runtime(url, tmp_path, signing_key=SecretStr(KEY))
        yield opened
        opened.engine.dispose()


def with_settings(rt: Runtime, **changes: Any) -> Runtime:
    return replace(rt, settings=rt.settings.model_copy(update=changes))


def with_key(rt: Runtime, key: str) -> Runtime:
    return with_settings(rt, signing_key=SecretStr(key))


def later(rt: Runtime, **by: float) -> None:
    assert isinstance(rt.clock, Clock)
    rt.clock.now += timedelta(**by)


def outside(rt: Runtime) -> list[str]:
    return sorted(path.name for path in Path(rt.settings.checkpoint_url).glob("*"))


def problems(rt: Runtime) -> list[tuple[str, str]]:
    return [(problem.where, problem.what.en) for problem in evidence_seal.verify(rt).problems]


def note(size: int, key: str = KEY, root: bytes = b"\1" * 32) -> str:
    return signed_note.sign(Checkpoint("ledger.example", size, root).text, key)


# --- sealing and publishing


@pytest.mark.parametrize("kind", databases.KINDS)
def test_sealed_again_and_again_the_ledger_verifies_against_everything_that_was_published(
    kind: str, tmp_path: Path
) -> None:
    with migrated(kind, tmp_path) as url:
        rt = runtime(url, tmp_path, signing_key=SecretStr(KEY))
        for number in range(4):
            tell(rt, *(alias(number, f"m{i}") for i in range(20)))
            sealed = evidence_seal.seal(rt)
            assert sealed.size == 20 * (number + 1) + 1
            assert signed_note.read_checkpoint(sealed.note or "", [signed_note.verifier_key(KEY)]).root == sealed.root
        found = evidence_seal.verify_and_tell(rt)
        assert (found.is_intact, found.size, found.facts, found.checkpoints) == (True, 81, 81, 4)
        assert found.root == sealed.printed_root
        assert outside(rt) == [f"{size:012d}.checkpoint" for size in (21, 41, 61, 81)]
        rt.engine.dispose()


def test_a_ledger_that_has_not_grown_is_not_sealed_again(rt: Runtime) -> None:
    first = evidence_seal.seal(rt)
    assert evidence_seal.seal(rt) == first
    assert outside(rt) == ["000000000001.checkpoint"]


def test_a_checkpoint_is_published_once_and_never_replaced(tmp_path: Path) -> None:
    url = str(tmp_path / "out" / "side")
    assert checkpoints.publish(url, 7, note(7))
    assert not checkpoints.publish(url, 7, note(7))
    with pytest.raises(EvidenceError, match="another checkpoint was published for size 7") as caught:
        checkpoints.publish(url, 7, note(7, root=b"\2" * 32))
    assert "governance evidence verify" in caught.value.hint
    assert checkpoints.published(url) == {"000000000007.checkpoint": note(7)}


def test_checkpoints_go_to_whatever_fsspec_knows(rt: Runtime) -> None:
    there = with_settings(rt, checkpoint_url=f"memory://{uuid.uuid4().hex}/checkpoints")
    assert checkpoints.published(there.settings.checkpoint_url) == {}
    sealed = evidence_seal.seal(there)
    assert checkpoints.published(there.settings.checkpoint_url) == {"000000000001.checkpoint": sealed.note}
    assert evidence_seal.verify(there).is_intact
    with pytest.raises(EvidenceError):
        checkpoints.publish(there.settings.checkpoint_url, 1, note(1))


def test_what_was_sealed_while_the_place_outside_was_away_is_published_afterwards(rt: Runtime, tmp_path: Path) -> None:
    evidence_seal.seal(rt)
    place = Path(rt.settings.checkpoint_url)
    place.rename(tmp_path / "away")
    place.write_text("a file in the way")
    for number in range(2):
        tell(rt, alias(number))
        with pytest.raises(OSError, match="published"):
            evidence_seal.seal(rt)
    place.unlink()
    (tmp_path / "away").rename(place)
    assert evidence_seal.publish(rt) == 2
    assert evidence_seal.publish(rt) == 0
    assert outside(rt) == [f"{size:012d}.checkpoint" for size in (1, 2, 3)]
    assert evidence_seal.verify(rt).checkpoints == 3


def test_a_file_that_somebody_lays_beside_the_checkpoints_does_not_stop_the_next_one(rt: Runtime) -> None:
    evidence_seal.seal(rt)
    place = Path(rt.settings.checkpoint_url)
    (place / "README.txt").write_text("what this is")
    (place / "999999999999.checkpoint").write_text(note(999_999_999_999, FOREIGN))
    tell(rt, alias(1))
    evidence_seal.seal(rt)
    assert "000000000002.checkpoint" in outside(rt)
    assert problems(rt) == [("999999999999.checkpoint", "the note is not signed by a key that we know")]


def test_a_file_that_is_named_like_no_checkpoint_is_told_and_does_not_stop_the_next_one(rt: Runtime) -> None:
    evidence_seal.seal(rt)
    (Path(rt.settings.checkpoint_url) / "latest.checkpoint").write_text("x")
    tell(rt, alias(1))
    evidence_seal.seal(rt)
    assert "000000000002.checkpoint" in outside(rt)
    assert problems(rt) == [("latest.checkpoint", "this is no signed note")]


def test_two_published_checkpoints_that_differ_are_told(rt: Runtime) -> None:
    evidence_seal.seal(rt)
    (Path(rt.settings.checkpoint_url) / "1-copy.checkpoint").write_text(note(1))
    assert ("1-copy.checkpoint", "contradicts another published one") in problems(rt)


# --- keys


def test_without_any_key_nothing_is_sealed_and_what_was_published_cannot_be_trusted(rt: Runtime) -> None:
    nobody = with_settings(rt, signing_key=None)
    with pytest.raises(PolicyError, match="there is no key to seal the ledger with") as caught:
        evidence_seal.seal(nobody)
    assert "governance evidence keygen" in caught.value.hint
    assert evidence_seal.seal_soon(nobody).note is None
    assert evidence_seal.verify(nobody).is_intact, "nothing was sealed yet"
    evidence_seal.seal(rt)
    assert problems(nobody) == [
        ("ledger_checkpoint 1", "there is no key to check it with"),
        ("000000000001.checkpoint", "there is no key to check it with"),
    ]


def test_who_only_verifies_needs_only_the_published_half_of_the_key(rt: Runtime) -> None:
    evidence_seal.seal(rt)
    reader = with_settings(rt, signing_key=None, verifier_key=signed_note.verifier_key(KEY))
    assert evidence_seal.verify(reader).is_intact
    stranger = with_settings(rt, signing_key=None, verifier_key=signed_note.verifier_key(FOREIGN))
    assert {what for _, what in problems(stranger)} == {"the note is not signed by a key that we know"}


def test_a_key_is_kept_in_a_new_file_for_its_owner_only(rt: Runtime) -> None:
    nobody = with_settings(rt, signing_key=None)
    path = rt.settings.signing_key_file
    verifier = evidence_seal.make_key(path, "ledger.example")
    assert path.stat().st_mode & 0o777 == 0o600
    assert evidence_seal.verifier_key(nobody.settings) == verifier
    assert evidence_seal.seal(nobody).note
    assert evidence_seal.verify(nobody).is_intact
    with pytest.raises(PolicyError, match=r"signing\.key"):
        evidence_seal.make_key(path, "ledger.example")
    path.write_text("no key")
    with pytest.raises(PolicyError, match="malformed") as caught:
        evidence_seal.seal(nobody)
    assert "no key" not in str(caught.value)


@dataclass
class Rotated:
    """A ledger that two keys have sealed."""

    rt: Runtime
    old_file: Path


@pytest.fixture
def rotated(rt: Runtime, tmp_path: Path) -> Rotated:
    evidence_seal.seal(rt)
    tell(rt, alias(1))
    old_file = tmp_path / "old.key"
    old_file.write_text(KEY)
    new = with_key(rt, NEXT)
    assert evidence_seal.rotate(new, old_file) == signed_note.verifier_key(NEXT)
    evidence_seal.seal(new)
    return Rotated(new, old_file)


def test_a_key_hands_over_and_the_new_one_verifies_what_the_old_one_sealed(rotated: Rotated) -> None:
    rt = rotated.rt
    found = evidence_seal.verify(rt)
    assert (found.is_intact, found.checkpoints) == (True, 3)
    signers = [
        key
        for name in outside(rt)
        for key in (KEY, NEXT)
        if signers_of((Path(rt.settings.checkpoint_url) / name).read_text(), key)
    ]
    assert signers == [KEY, KEY, NEXT], "the old key seals once more before it hands over"
    assert evidence_seal.rotate(rt, rotated.old_file) == signed_note.verifier_key(NEXT), "twice is once"
    with rt.reading() as session:
        assert len(checkpoints.key_chain(session)) == 2


def signers_of(text: str, key: str) -> bool:
    try:
        signed_note.open_note(text, [signed_note.verifier_key(key)])
    except EvidenceError:
        return False
    return True


def test_who_holds_the_old_key_alone_verifies_what_came_after(rotated: Rotated) -> None:
    reader = with_settings(rotated.rt, signing_key=None, verifier_key=signed_note.verifier_key(KEY))
    assert evidence_seal.verify(reader).is_intact


def test_a_key_that_nobody_announced_seals_nothing(rt: Runtime) -> None:
    evidence_seal.seal(rt)
    tell(rt, alias(1))
    with pytest.raises(EvidenceError, match="sealed with another key") as caught:
        evidence_seal.seal(with_key(rt, NEXT))
    assert "governance evidence rotate" in caught.value.hint
    assert outside(rt) == ["000000000001.checkpoint"]
    assert evidence_seal.verify(rt).is_intact


def test_the_wrong_old_key_hands_over_nothing_and_leaves_no_trace(rt: Runtime, tmp_path: Path) -> None:
    evidence_seal.seal(rt)
    tell(rt, alias(1))
    (tmp_path / "wrong.key").write_text(FOREIGN)
    with pytest.raises(EvidenceError, match="sealed with another key"):
        evidence_seal.rotate(with_key(rt, NEXT), tmp_path / "wrong.key")
    assert evidence_seal.verify(rt).is_intact
    evidence_seal.seal(rt)
    assert evidence_seal.verify(rt).is_intact


def link(new: str, old: str | None, *, signer: str, acceptor: str | None) -> SigningKey:
    new_half, old_half = signed_note.verifier_key(new), signed_note.verifier_key(old) if old else None
    return SigningKey(
        subject="ledger",
        verifier_key=new_half,
        previous=old_half,
        signature=signed_note.sign_bytes(checkpoints.announcement(new_half), signer),
        acceptance=signed_note.sign_bytes(checkpoints.announcement(old_half or ""), acceptor) if acceptor else None,
    )


FORGED: Final = {
    "a successor that the key did not announce": link(FOREIGN, KEY, signer=FOREIGN, acceptor=FOREIGN),
    "a predecessor that the key did not accept": link(KEY, FOREIGN, signer=FOREIGN, acceptor=FOREIGN),
    "a predecessor without acceptance": link(KEY, FOREIGN, signer=FOREIGN, acceptor=None),
    "a first key of its own": link(FOREIGN, None, signer=FOREIGN, acceptor=None),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_link_between_keys_is_not_trusted(rt: Runtime, name: str) -> None:
    assert checkpoints.trusted(signed_note.verifier_key(KEY), [FORGED[name]]) == {signed_note.verifier_key(KEY)}
    evidence_seal.seal(rt)
    forged = FORGED[name]
    content = {c: getattr(forged, c) for c in ("subject", "verifier_key", "previous", "signature", "acceptance")}
    tell(rt, SigningKey(**content))
    with rt.writing() as session:
        checkpoints.seal(session, FOREIGN)
    evidence_seal.publish(rt)
    unknown = "the note is not signed by a key that we know"
    assert problems(rt) == [("000000000002.checkpoint", unknown), ("ledger_checkpoint 2", unknown)]


def test_keys_that_vouch_for_each_other_are_trusted_from_either_end() -> None:
    chain = [link(NEXT, KEY, signer=KEY, acceptor=NEXT), link(FOREIGN, NEXT, signer=NEXT, acceptor=FOREIGN)]
    everybody = {signed_note.verifier_key(key) for key in (KEY, NEXT, FOREIGN)}
    for key in everybody:
        assert checkpoints.trusted(key, chain) == everybody
        assert checkpoints.trusted(key, reversed(chain)) == everybody


@pytest.mark.parametrize("spoilt", ["verifier_key", "previous", "signature", "acceptance"])
def test_a_link_that_is_no_link_is_told_and_not_followed(rotated: Rotated, spoilt: str) -> None:
    rt = rotated.rt
    keys: Any = SigningKey.__table__
    with rt.engine.execution_options(write=True).begin() as connection:
        drop_triggers(connection, "signing_key")
        connection.execute(keys.update().where(keys.c.previous.is_not(None)).values({spoilt: "nonsense"}))
    told = problems(rt)
    assert any("the fact was changed after it was recorded" in what for _, what in told)
    assert ("ledger_checkpoint 1", "the note is not signed by a key that we know") in told


# --- mail


@dataclass
class Mailbox:
    """Takes what a real server hands over."""

    messages: list[Any] = field(default_factory=list)
    answer: str = "250 OK"

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if self.answer.startswith("250"):
            self.messages.append(email.message_from_bytes(envelope.content))
        return self.answer

    @property
    def subjects(self) -> list[str]:
        return [message["Subject"] for message in self.messages]


@contextmanager
def smtp(mailbox: Mailbox) -> Generator[str]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield f"smtp://127.0.0.1:{port}"
    finally:
        controller.stop()


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def mailing(rt: Runtime, mailbox: Mailbox) -> Generator[Runtime]:
    with smtp(mailbox) as url:
        yield with_settings(rt, smtp_url=SecretStr(url), audit_mailbox=MAILBOX)


def test_the_first_seal_of_a_day_is_mailed_and_it_is_the_seal_itself(mailing: Runtime, mailbox: Mailbox) -> None:
    sealed = evidence_seal.seal(mailing)
    assert mailbox.subjects == ["Ledger checkpoint 1"]
    (first,) = mailbox.messages
    assert (first["To"], first["From"]) == (MAILBOX, "ai-governance@localhost")
    assert first["Message-ID"]
    text = first.get_payload(decode=True).decode().replace("\r\n", "\n")
    assert text == sealed.note
    assert signers_of(text, KEY)


def test_one_seal_a_day_is_mailed(mailing: Runtime, mailbox: Mailbox) -> None:
    for number in range(3 * 8):  # it is noon in Japan, whose midnights count
        tell(mailing, alias(number))
        evidence_seal.seal(mailing)
        later(mailing, hours=3)
    sizes = [int(subject.rpartition(" ")[2]) for subject in mailbox.subjects]
    assert sizes == [2, 6, 14, 22]


def test_a_mail_that_did_not_go_out_goes_out_with_the_next_seal(mailing: Runtime, mailbox: Mailbox) -> None:
    mailbox.answer = "451 try again"
    with pytest.raises(DeliveryError, match="did not take the mail") as caught:
        evidence_seal.seal(mailing)
    assert caught.value.retryable
    assert outside(mailing) == ["000000000001.checkpoint"], "published all the same"
    mailbox.answer = "250 OK"
    evidence_seal.seal(mailing)
    assert mailbox.subjects == ["Ledger checkpoint 1"]


def spoil(rt: Runtime) -> None:
    rows: Any = AliasEvent.__table__
    with rt.engine.execution_options(write=True).begin() as connection:
        drop_triggers(connection, "alias_event")
        connection.execute(rows.update().values(to_version=99))


def test_what_does_not_match_is_mailed_and_remembered_at_once(mailing: Runtime, mailbox: Mailbox) -> None:
    tell(mailing, alias(1))
    evidence_seal.verify_and_tell(mailing)
    assert mailbox.subjects == []
    spoil(mailing)
    with pytest.raises(EvidenceError, match=r"was changed after it was recorded|登録後に変更された"):
        evidence_seal.verify_and_tell(mailing)
    assert mailbox.subjects == ["INCIDENT: evidence does not match"]
    assert "alias_event/" in mailbox.messages[0].get_payload(decode=True).decode()
    with mailing.reading() as session:
        newest = facts.newest_one(session, EvidenceVerification, mailing.current(session))
        assert newest is not None
        assert newest.intact is False
        assert newest.findings[0]["where"].startswith("alias_event/")


def test_an_incident_is_told_though_no_mail_goes_out(mailing: Runtime, mailbox: Mailbox) -> None:
    tell(mailing, alias(1))
    spoil(mailing)
    mailbox.answer = "554 no"
    with pytest.raises(EvidenceError, match="alias_event/"):
        evidence_seal.verify_and_tell(mailing)


def test_verifications_that_end_alike_are_remembered_once_a_day(rt: Runtime) -> None:
    for _ in range(3):
        evidence_seal.verify_and_tell(rt)
        later(rt, hours=1)
    later(rt, days=1)
    evidence_seal.verify_and_tell(rt)
    with rt.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(EvidenceVerification)) == 2


def test_sealing_soon_never_fails_and_says_where_the_ledger_stands(rt: Runtime) -> None:
    position = evidence_seal.seal_soon(rt)
    assert position.note
    tell(rt, alias(1))
    stranger = evidence_seal.seal_soon(with_key(rt, FOREIGN))
    assert (stranger.size, stranger.note) == (2, None)
    with rt.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(LedgerCheckpoint)) == 1
