# SPDX-License-Identifier: Apache-2.0
"""Evaluation rows read the same wherever they lie, and nothing outside the allowed places is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from governance.errors import CheckNotRunError, SourceUnavailableError
from governance.policy import File, Logged, Table
from governance.settings import Settings
from governance.sources.datasets import open_table
from tests.integration.evaluation_tables import KINDS, frame, placed, store, use_case, version

if TYPE_CHECKING:
    from pathlib import Path

LOGGED = use_case(Logged(kind="logged"))
TABLE = Table(kind="table", table="Evaluation rows", version_column="version")


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_counted_where_they_are(kind: str, tmp_path: Path) -> None:
    with placed(kind, frame(), tmp_path) as (settings, case), open_table(case, version(), settings) as table:
        assert list(table.columns)[:4] == ["sex", "good", "predicted", "id"]
        assert table.count() == 800
        assert sorted(table.group_counts(["sex", "good"])) == [
            ((s, g), 200) for s in ("female", "male") for g in (0, 1)
        ]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_column_may_be_asked_for_twice(kind: str, tmp_path: Path) -> None:
    with placed(kind, frame(), tmp_path) as (settings, case), open_table(case, version(), settings) as table:
        assert min(table.group_counts(["good", "good", "sex"])) == ((0, 0, "female"), 200)


@pytest.mark.parametrize("kind", KINDS)
def test_null_is_a_value_of_its_own(kind: str, tmp_path: Path) -> None:
    rows = frame(sex=["a"] * 500 + [None] * 300)
    with placed(kind, rows, tmp_path) as (settings, case), open_table(case, version(), settings) as table:
        assert dict(table.group_counts(["sex"])) == {("a",): 500, (None,): 300}


@pytest.mark.parametrize("kind", KINDS)
def test_the_digest_follows_the_rows(kind: str, tmp_path: Path) -> None:
    digests = []
    for part, rows in enumerate([frame(), frame(), frame(id=range(2, 802))]):
        directory = tmp_path / str(part)
        directory.mkdir()
        with placed(kind, rows, directory) as (settings, case), open_table(case, version(), settings) as table:
            digests.append(table.digest)
    assert digests[0] == digests[1] != digests[2]
    assert all(len(digest) == 64 for digest in digests)


@pytest.mark.parametrize("kind", KINDS[2:])
def test_the_digest_of_a_table_does_not_depend_on_the_order_of_rows(kind: str, tmp_path: Path) -> None:
    digests = []
    for part, rows in enumerate([frame(), frame().iloc[::-1]]):
        directory = tmp_path / str(part)
        directory.mkdir()
        with placed(kind, rows, directory) as (settings, case), open_table(case, version(), settings) as table:
            digests.append(table.digest)
    assert digests[0] == digests[1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_that_is_not_there_is_named(kind: str, tmp_path: Path) -> None:
    with (
        placed(kind, frame(), tmp_path) as (settings, case),
        open_table(case, version(), settings) as table,
        pytest.raises(CheckNotRunError, match="column 'sex\" --' is not in"),
    ):
        table.group_counts(['sex" --'])


@pytest.mark.parametrize("kind", KINDS)
def test_odd_column_names_are_only_names(kind: str, tmp_path: Path) -> None:
    odd = 'x"; DROP TABLE "Evaluation rows"; --'
    with placed(kind, frame(**{odd: 1}), tmp_path) as (settings, case), open_table(case, version(), settings) as table:
        assert table.group_counts([odd]) == [((1,), 800)]
        assert table.count() == 800


@pytest.mark.parametrize("kind", KINDS)
def test_a_hundred_thousand_values_are_no_grouping(kind: str, tmp_path: Path) -> None:
    rows = pd.DataFrame({"sex": [f"c{n}" for n in range(100_000)], "good": 1})
    with (
        placed(kind, rows, tmp_path) as (settings, case),
        open_table(case, version(), settings) as table,
        pytest.raises(CheckNotRunError, match="column 'sex' has more than 10,000 values"),
    ):
        table.group_counts(["good", "sex"])


def test_only_rows_of_the_version_count(tmp_path: Path) -> None:
    with placed("sqlite", frame(), tmp_path) as (settings, case):
        for number, rows in ((3, 800), (4, 1), (5, 0)):
            with open_table(case, version(number), settings) as table:
                assert table.count() == rows


def test_a_version_column_of_text_works_too(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'w.db'}"
    engine = sa.create_engine(url)
    frame(version="3").to_sql("rows", engine, index=False)
    engine.dispose()
    case = use_case(Table(kind="table", table="rows", version_column="version"))
    with open_table(case, version(), Settings(warehouse_url=SecretStr(url))) as table:
        assert table.count() == 800


@pytest.mark.parametrize("kind", KINDS[2:])
def test_the_warehouse_cannot_be_written(kind: str, tmp_path: Path) -> None:
    with placed(kind, frame(), tmp_path) as (settings, case), open_table(case, version(), settings) as table:
        engine = table.batch()[0]
        with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError, match=r"(?i)read-?only"):
            connection.execute(sa.text('DELETE FROM "Evaluation rows"'))


@pytest.mark.parametrize(
    "form",
    [
        "{path}",
        "file://{path}",
        "file://localhost{path}",
        '{{"uri": "{path}"}}',
        '{{"uri": "file://{path}"}}',
        "sub/a b.csv",
    ],
)
def test_a_logged_dataset_is_found_in_every_form_mlflow_writes(form: str, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    path = tmp_path / "sub" / "a b.csv"
    frame().to_csv(path, index=False)
    with open_table(LOGGED, version(source=form.format(path=path)), Settings(data_dir=tmp_path)) as table:
        assert table.count() == 800


def test_a_symlink_within_the_data_directory_is_fine(tmp_path: Path) -> None:
    frame().to_csv(tmp_path / "real.csv", index=False)
    (tmp_path / "latest.csv").symlink_to("real.csv")
    with open_table(LOGGED, version(source="latest.csv"), Settings(data_dir=tmp_path)) as table:
        assert table.count() == 800


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("../outside.csv", "leads outside the data directory"),
        ("/etc/passwd", "leads outside the data directory"),
        ("/etc/no-such-file", "leads outside the data directory"),
        ("link.csv", "leads outside the data directory"),
        ("file:///etc/passwd", "leads outside the data directory"),
        ("file:///%2e%2e/%2e%2e/etc/passwd", "leads outside the data directory"),
        ("file://evil.example/a.csv", "no file path"),
        ("s3://bucket/a.parquet", "no file path"),
        ('{"uri": "https://evil.example/a.csv"}', "no file path"),
        ('{"uri": ["a.csv"]}', "no file path"),
        ('{"tags": {}}', "no file path"),
        ("{" * 100_000, "no file path"),
        ("//host/share/a.csv", "no file path"),
        ("http://[", "no file path"),
        ("a\0.csv", "no usable path"),
        ("x" * 5000, "no file"),
        ("loop.csv", "no "),
        ("none.csv", "no file 'none.csv'"),
        (".", "no file"),
        ("pipe.csv", "no file"),
        ("text.txt", "none of .parquet, .csv, .arrow and .feather"),
        ("*.csv", "no file"),
        ("a[1].csv", "named with one of"),
        ("broken.parquet", "cannot be read as PARQUET"),
        ("binary.csv", "cannot be read as CSV"),
    ],
)
def test_a_hostile_source_is_refused_with_a_reason_and_a_remedy(source: str, why: str, tmp_path: Path) -> None:
    import os

    data = tmp_path / "data"
    data.mkdir()
    for path in (tmp_path / "outside.csv", data / "a[1].csv", data / "text.txt"):
        frame().to_csv(path, index=False)
    (data / "link.csv").symlink_to(tmp_path / "outside.csv")
    (data / "loop.csv").symlink_to(data / "loop.csv")
    os.mkfifo(data / "pipe.csv")
    (data / "broken.parquet").write_bytes(b"PAR1 secret@example.com")
    (data / "binary.csv").write_bytes(b'a,b\n"secret@example.com,\xff\xfe\x00\n1,2,3,4\n"')
    with pytest.raises(CheckNotRunError) as caught, open_table(LOGGED, version(source=source), Settings(data_dir=data)):
        pass
    assert why in str(caught.value)
    assert caught.value.hint
    assert "secret" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_nothing_given_nothing_logged_and_no_warehouse_each_have_a_remedy(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, warehouse_url=None)
    twice = version(source="a.csv")
    both = type(twice)(twice.key, datasets=(*twice.datasets, *version(source="b.csv").datasets))
    for case, subject, why in (
        (use_case(), version(), "names no evaluation data"),
        (LOGGED, version(), "logged no dataset under the context 'evaluation'"),
        (LOGGED, version(source="a.csv", context="training"), "logged no dataset under the context 'evaluation'"),
        (LOGGED, both, "logged 2 different datasets"),
        (use_case(File(kind="file", path="{name}.csv")), version(), "placeholder other than {version}"),
        (use_case(TABLE), version(), "no warehouse is configured"),
    ):
        with pytest.raises(CheckNotRunError, match=why) as caught, open_table(case, subject, settings):
            pass
        assert caught.value.hint


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("sqlite:///{dir}/none.db", "does not exist"),
        ("sqlite://", "does not exist"),
        ("mysql://root:secret@h/d", "a mysql warehouse is not supported"),
        ("secret", "cannot be read"),
        ("sqlite:///{dir}/text.db", "refused"),
    ],
)
def test_a_wrong_warehouse_is_refused_without_its_password(url: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database, but long enough to be one " * 100)
    settings = Settings(warehouse_url=SecretStr(url.format(dir=tmp_path)))
    with pytest.raises(CheckNotRunError, match=why) as caught, open_table(use_case(TABLE), version(), settings):
        pass
    assert "secret" not in str(caught.value)
    assert not (tmp_path / "none.db").exists()


def test_a_refused_connection_may_be_tried_again() -> None:
    settings = Settings(warehouse_url=SecretStr("postgresql+psycopg://u:secret@127.0.0.1:1/d"))
    with pytest.raises(SourceUnavailableError) as caught, open_table(use_case(TABLE), version(), settings):
        pass
    assert caught.value.retryable
    assert "secret" not in str(caught.value)


def test_missing_tables_and_version_columns_are_named(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'w.db'}"
    store(url, frame())
    settings = Settings(warehouse_url=SecretStr(url))
    for table, column, why in (
        ("none", None, "no table 'none'"),
        ("main.none", None, "no table 'main.none'"),
        ("Evaluation rows", "v", "column 'v' is not in"),
    ):
        case = use_case(Table(kind="table", table=table, version_column=column))
        with pytest.raises(CheckNotRunError, match=why), open_table(case, version(), settings):
            pass


def test_days_of_times_with_a_zone_are_those_of_utc_wherever_the_process_runs(tmp_path: Path) -> None:
    import os
    import subprocess
    import sys

    at = pd.to_datetime(["2026-11-01 20:00"], utc=True)
    pd.DataFrame({"at": at}).to_parquet(tmp_path / "rows.parquet")
    code = (
        "import sqlalchemy as sa; from pathlib import Path; from governance.checks import days\n"
        "from governance.sources.dataset_file import open_file\n"
        f"with open_file(Path({str(tmp_path / 'rows.parquet')!r})) as table:\n"
        "    print(table.fetch(sa.select(days.of(table.rows.c.at)))[0][0])"
    )
    environment = {**os.environ, "TZ": "Asia/Tokyo"}
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert told.stdout.strip() == "2026-11-01"
