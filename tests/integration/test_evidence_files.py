# SPDX-License-Identifier: Apache-2.0
"""Evidence files are named by their content, written once, and noticed when they are no longer what they were."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import threading
from typing import TYPE_CHECKING, Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from pydantic import SecretStr
from sqlalchemy import select
from typer import Typer
from typer.testing import CliRunner

from governance.checks.gx_result import NAME
from governance.cli import evidence_files as commands
from governance.core.terms import FileKind, Verdict
from governance.errors import EvidenceError, PolicyError, SourceUnavailableError
from governance.policy import Family
from governance.runtime import Runtime
from governance.settings import Settings
from governance.steps import evidence_files
from governance.store import database, files
from governance.store import evidence_files as facts
from governance.store.facts import record
from governance.store.models import EvidenceFileRow, PackRow
from tests import factories
from tests.integration import databases
from tests.integration.evaluation_tables import KINDS, frame, placed
from tests.integration.test_data_quality import RULES, measure, suite

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

MINUTES = "議事録: 承認".encode()
NAME_OF_MINUTES = hashlib.sha256(MINUTES).hexdigest()


@pytest.fixture(params=["directory", "memory"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Settings]:
    url = f"memory://{tmp_path.name}/evidence" if request.param == "memory" else str(tmp_path / "new" / "evidence")
    yield Settings(evidence_url=url, evidence_max_bytes=1000, pack_dir=tmp_path / "packs")
    MemoryFileSystem.store.clear()


@pytest.fixture(params=databases.KINDS)
def rt(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Generator[Runtime]:
    with databases.database(request.param, tmp_path) as url:
        engine = database.connect(url)
        database.upgrade(engine)
        yield Runtime(settings.model_copy(update={"database_url": url}), factories.shipped(), engine)
        engine.dispose()


def spoil(settings: Settings, sha256: str, content: bytes | None) -> None:
    """Change a kept file, or remove it, behind the store's back."""
    fs, root = fsspec.core.url_to_fs(settings.evidence_url)
    path = f"{root}/{sha256[:2]}/{sha256}"
    if content is None:
        fs.rm(path)
    else:
        fs.pipe_file(path, content)


def problems(rt: Runtime) -> dict[str, str]:
    with rt.reading() as session:
        found = evidence_files.missing_or_altered(rt.settings, session, rt.current(session))
        return {problem.where: problem.what.en for problem in found}


def rows(rt: Runtime) -> list[EvidenceFileRow]:
    with rt.reading() as session:
        return list(session.scalars(select(EvidenceFileRow).order_by(EvidenceFileRow.recorded_at)))


def minutes(directory: Path, content: bytes = MINUTES) -> Path:
    path = directory / "minutes.pdf"
    path.write_bytes(content)
    return path


# --- The store ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [MINUTES, b"", b"\0" * 1000])
def test_a_file_comes_back_as_it_went_in_under_its_digest(settings: Settings, content: bytes) -> None:
    name = hashlib.sha256(content).hexdigest()
    assert not files.exists(settings, name)
    assert files.put(settings, content) == name
    assert files.exists(settings, name)
    assert files.get(settings, name) == content
    assert files.get(settings, name, len(content)) == content


def test_a_file_that_is_there_is_not_written_again(settings: Settings) -> None:
    files.put(settings, MINUTES)
    fs, root = fsspec.core.url_to_fs(settings.evidence_url)
    before = fs.info(f"{root}/{NAME_OF_MINUTES[:2]}/{NAME_OF_MINUTES}")
    assert files.put(settings, MINUTES) == NAME_OF_MINUTES
    assert fs.info(f"{root}/{NAME_OF_MINUTES[:2]}/{NAME_OF_MINUTES}") == before
    assert [path.rpartition("/")[2] for path in fs.find(root)] == [NAME_OF_MINUTES]


@pytest.mark.parametrize("content", [b"other", MINUTES[:-1], MINUTES + b"!", b"x" * 1001])
def test_an_altered_file_is_neither_read_nor_put_again(settings: Settings, content: bytes) -> None:
    files.put(settings, MINUTES)
    spoil(settings, NAME_OF_MINUTES, content)
    for look in (lambda: files.get(settings, NAME_OF_MINUTES), lambda: files.put(settings, MINUTES)):
        with pytest.raises(EvidenceError, match=NAME_OF_MINUTES):
            look()


def test_a_missing_file_is_named(settings: Settings) -> None:
    with pytest.raises(EvidenceError, match=f"{NAME_OF_MINUTES} is missing"):
        files.get(settings, NAME_OF_MINUTES)


def test_a_file_larger_than_recorded_is_not_read_to_its_end(settings: Settings) -> None:
    files.put(settings, MINUTES)
    with pytest.raises(EvidenceError, match="larger than the 3 bytes"):
        files.get(settings, NAME_OF_MINUTES, 3)


@pytest.mark.parametrize(
    "name", ["", "../../etc/passwd", "a" * 63, "A" * 64, "g" * 64, "a" * 64 + "\n", f"{'a' * 62}/.", "a" * 65, "١" * 64]
)
def test_only_a_digest_becomes_part_of_a_path(settings: Settings, name: str) -> None:
    for look in (files.get, files.exists):
        with pytest.raises(EvidenceError, match="is not the name of an evidence file"):
            look(settings, name)


def test_a_file_that_is_too_large_is_refused_before_it_is_written(settings: Settings, tmp_path: Path) -> None:
    for large in (b"x" * 1001, minutes(tmp_path, b"x" * 1001)):
        with pytest.raises(PolicyError, match="larger than 1,000 bytes"):
            files.put(settings, large)
    fs, root = fsspec.core.url_to_fs(settings.evidence_url)
    assert not fs.exists(root)


def test_many_writers_of_one_file_agree(settings: Settings) -> None:
    told: list[str] = []
    writers = [threading.Thread(target=lambda: told.append(files.put(settings, MINUTES))) for _ in range(16)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert told == [NAME_OF_MINUTES] * 16
    fs, root = fsspec.core.url_to_fs(settings.evidence_url)
    assert len(fs.find(root)) == 1


def test_half_a_file_never_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(evidence_url=str(tmp_path / "evidence"))

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SourceUnavailableError, match="No space left on device"):
        files.put(settings, MINUTES)
    monkeypatch.undo()
    assert [path for path in (tmp_path / "evidence").rglob("*") if path.is_file()] == []
    assert files.put(settings, MINUTES) == NAME_OF_MINUTES


def test_a_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SourceUnavailableError, match="GOVERNANCE_EVIDENCE_URL"):
        files.put(Settings(evidence_url=str(tmp_path / "file" / "evidence")), MINUTES)


@pytest.mark.parametrize(("url", "says"), [("s3://bucket/evidence", "s3fs"), ("nonsense://x", "nonsense")])
def test_a_protocol_without_a_driver_is_a_fault_of_the_settings(url: str, says: str) -> None:
    if url.startswith("s3"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(__import__("sys").modules, "s3fs", None)
            with pytest.raises(PolicyError, match=says):
                files.put(Settings(evidence_url=url), MINUTES)
    else:
        with pytest.raises(PolicyError, match=says):
            files.put(Settings(evidence_url=url), MINUTES)


class Bucket(MemoryFileSystem):  # type: ignore[misc]
    """An object store whose driver knows no exclusive write, and one that answers with its library's errors."""

    protocol = "bucket"
    is_down = False

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_more: Any) -> None:
        if self.is_down:
            raise RuntimeError("EndpointConnectionError")
        if mode == "create":
            raise NotImplementedError
        super().pipe_file(path, value)


def test_an_object_store_without_exclusive_writes_serves_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec.register_implementation("bucket", Bucket, clobber=True)
    settings = Settings(evidence_url="bucket://b/evidence")
    assert files.get(settings, files.put(settings, MINUTES)) == MINUTES
    monkeypatch.setattr(Bucket, "is_down", True)
    with pytest.raises(SourceUnavailableError, match="EndpointConnectionError"):
        files.put(settings, b"more")
    MemoryFileSystem.store.clear()


# --- The facts ------------------------------------------------------------------------------------------------------


def test_keeping_a_file_twice_records_it_once(rt: Runtime, tmp_path: Path) -> None:
    for _ in range(2):
        kept = evidence_files.keep(rt, minutes(tmp_path), FileKind.MINUTES, " 2026-10 ")
    assert kept == {
        "sha256": NAME_OF_MINUTES, "size": len(MINUTES), "name": "minutes.pdf", "kind": "minutes", "subject": "2026-10",
    }  # fmt: skip
    (row,) = rows(rt)
    assert (row.sha256, row.size, row.kind, row.media_type, row.name, row.subject) == (
        NAME_OF_MINUTES, len(MINUTES), "minutes", "application/pdf", "minutes.pdf", "2026-10",
    )  # fmt: skip
    assert files.get(rt.settings, NAME_OF_MINUTES, row.size) == MINUTES


def test_one_file_may_be_evidence_about_several_things_and_its_kind_be_corrected(rt: Runtime, tmp_path: Path) -> None:
    path = minutes(tmp_path)
    evidence_files.keep(rt, path, FileKind.MINUTES, "2026-10")
    evidence_files.keep(rt, path, FileKind.MINUTES, "2026-11")
    evidence_files.keep(rt, path, FileKind.DATASHEET, "2026-11")
    assert [(row.subject, row.kind) for row in rows(rt)] == [
        ("2026-10", "minutes"),
        ("2026-11", "minutes"),
        ("2026-11", "datasheet"),
    ]
    with rt.reading() as session:
        assert list(facts.known_files(session, rt.current(session))) == [(NAME_OF_MINUTES, len(MINUTES))]


def test_no_fact_without_its_file(rt: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object) -> str:
        raise SourceUnavailableError("the evidence store did not answer")

    monkeypatch.setattr(files, "put", down)
    with pytest.raises(SourceUnavailableError):
        evidence_files.keep(rt, minutes(tmp_path), FileKind.MINUTES, "2026-10")
    assert rows(rt) == []


def test_a_file_that_cannot_be_kept_is_refused_with_its_name(rt: Runtime, tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="about nothing"):
        evidence_files.keep(rt, minutes(tmp_path), FileKind.MINUTES, " ")
    for path in (tmp_path / "nowhere.pdf", tmp_path):
        with pytest.raises(PolicyError, match=path.name):
            evidence_files.keep(rt, path, FileKind.MINUTES, "2026-10")
    assert rows(rt) == []


def test_missing_and_altered_files_are_found_and_nothing_else(rt: Runtime, tmp_path: Path) -> None:
    names = []
    for number in range(4):
        path = minutes(tmp_path, f"minutes {number}".encode())
        names.append(str(evidence_files.keep(rt, path, FileKind.MINUTES, "2026-10")["sha256"]))
    assert problems(rt) == {}
    spoil(rt.settings, names[1], None)
    spoil(rt.settings, names[2], b"minutes X")
    spoil(rt.settings, names[3], b"x" * 5000)
    altered = "content or size of the file is not what was recorded"
    assert problems(rt) == {
        f"evidence_file {names[1]}": "the file is missing",
        f"evidence_file {names[2]}": altered,
        f"evidence_file {names[3]}": altered,
    }


def test_missing_and_altered_packs_are_found(rt: Runtime) -> None:
    directory = rt.settings.pack_dir
    directory.mkdir()
    contents = {name: name.encode() for name in ("a.pdf", "b.pdf", "c.pdf")}
    for name, content in contents.items():
        (directory / name).write_bytes(content)
    (directory.parent / "secret").write_bytes(b"elsewhere")
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    digests["../secret"] = hashlib.sha256(b"elsewhere").hexdigest()
    with rt.writing() as session:
        telling = rt.telling(session)
        pack = PackRow(
            subject="2026-10", period="2026-10", as_of=telling.at, known_at=telling.at, interim=False,
            policy_digest="p", revision=1, files=digests, id="1" * 64,
        )  # fmt: skip
        record(session, [pack], telling)
    (directory / "b.pdf").unlink()
    (directory / "c.pdf").write_bytes(b"C.pdf")
    assert problems(rt) == {
        "pack ../secret": "the file is missing",
        "pack b.pdf": "the file is missing",
        "pack c.pdf": "content or size of the file is not what was recorded",
    }


def test_the_command_keeps_a_file_and_tells_its_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'governance.db'}"
    database.upgrade(database.connect(SecretStr(url)))
    monkeypatch.setenv("GOVERNANCE_DATABASE_URL", url)
    monkeypatch.setenv("GOVERNANCE_EVIDENCE_URL", str(tmp_path / "evidence"))
    app = Typer()
    commands.add_to(app)
    app.command()(lambda: None)
    words = ["add", str(minutes(tmp_path)), "--kind", "minutes", "--subject", "2026-10", "--json"]
    told = CliRunner().invoke(app, words)
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)[0]["sha256"] == NAME_OF_MINUTES
    assert (tmp_path / "evidence" / NAME_OF_MINUTES[:2] / NAME_OF_MINUTES).read_bytes() == MINUTES
    assert CliRunner().invoke(app, [*words[:3], "gx_result", *words[4:]]).exit_code == 2


# --- What Great Expectations answered -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_answer_gives_the_same_bytes_and_quotes_no_value(kind: str, tmp_path: Path) -> None:
    common = "expect_column_most_common_value_to_be_in_set"
    told = f"{common}|{{column: sex, value_set: [female]}}|warning"
    raises = "expect_column_mean_to_be_between|{column: sex, min_value: 0}|info"
    gone = "expect_column_values_to_not_be_null|{column: nowhere}|critical"
    suite(tmp_path, *RULES, told, raises, gone)
    table = frame(sex=["secret"] * 500 + [None] * 4 + ["female"] * 296)
    with placed(kind, table, tmp_path) as (settings, case):
        once, again = (measure(tmp_path, settings, case, Family.DATA_QUALITY) for _ in range(2))
    assert once.files == again.files
    document = json.loads(once.files[NAME])
    assert b"secret" not in once.files[NAME]
    assert (document["rows"], document["data_digest"]) == (800, once.data_digest)
    by_type = {entry["type"]: entry for entry in document["results"]}
    assert len(document["results"]) == len(RULES) + 3
    null = by_type["expect_column_values_to_not_be_null"]
    assert (null["missing_column"], null["success"]) == ("nowhere", None)
    first = document["results"][0]
    assert (first["success"], first["result"]["unexpected_count"]) == (False, 4)
    assert by_type[common]["withheld"] == ["observed_value"] or by_type[common]["error"]


def test_another_answer_gives_another_file(tmp_path: Path) -> None:
    suite(tmp_path, *RULES)
    found = []
    for table in (frame(), frame(id=[7] * 800)):
        with placed("csv", table, tmp_path) as (settings, case):
            found.append(measure(tmp_path, settings, case, Family.DATA_QUALITY))
    assert found[0].files[NAME] != found[1].files[NAME]
    assert [finding.verdict for finding in found] == [Verdict.PASS, Verdict.FAIL]


def test_a_kept_file_is_readable_by_those_who_may_read_the_directory(tmp_path: Path) -> None:
    settings = Settings(evidence_url=str(tmp_path / "evidence"))
    path = tmp_path / "evidence" / NAME_OF_MINUTES[:2] / files.put(settings, MINUTES)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
