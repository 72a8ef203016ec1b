# SPDX-License-Identifier: Apache-2.0
"""A table as a whole: how fresh it is, and whether its size and shape are those of the approved version's data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from governance.core.terms import NOTHING, Observation, Verdict, Words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from governance.policy.tables import TableRules

_AHEAD: Final = timedelta(hours=24)
"""A clock that is further ahead than a day is no matter of time zones."""
_FIRST: Final = Words(
    "件数と列を比べる承認済みの版がまだない",
    "there is no approved version yet to compare the number of rows and the columns with",
)


@dataclass(frozen=True, slots=True)
class ColumnShape:
    """One column: what it is called, what it holds, and how much of it is missing."""

    name: str
    type: str
    """As the source calls it."""
    kind: str
    """`number`, `word`, `time` or `other`: the same on every source."""
    missing: int


@dataclass(frozen=True, slots=True)
class TableShape:
    """What there is to say of a table without looking at single rows."""

    rows: int
    columns: tuple[ColumnShape, ...]
    newest: str = ""
    """The newest value of the time column, as the source writes it."""

    def content(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"rows": self.rows, "columns": [asdict(column) for column in self.columns], "newest": self.newest}

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> TableShape:
        """The shape that `content` wrote."""
        return cls(told["rows"], tuple(ColumnShape(**column) for column in told["columns"]), told["newest"])


def judge(
    shape: TableShape, approved: TableShape | None, rules: TableRules, *, now: datetime
) -> tuple[tuple[Observation, ...], Words]:
    """Hold the table against the rules.

    Args:
        shape: of the version's data.
        approved: of the approved version's data; None if there is none yet.
        rules: of the policy.
        now: the clock, aware.

    Returns:
        One observation per rule that could be asked, and what could not be compared, in words.
    """
    seen = list(_fresh(shape, rules, now))
    if not (rules.volume_change or rules.schema_change):
        return tuple(seen), NOTHING
    if approved is None:
        return tuple(seen), _FIRST
    seen += _volume(shape, approved, rules)
    seen += _schema(shape, approved) if rules.schema_change else []
    return tuple(seen), NOTHING


def _fresh(shape: TableShape, rules: TableRules, now: datetime) -> Iterator[Observation]:
    limit = rules.fresh_within_hours
    if limit is None:
        return
    newest = _moment(shape.newest)
    name, where = "hours_since_newest_row", rules.time or ""
    if newest is None:
        text = Words("最新の行の時刻が分からない", "the time of the newest row cannot be told")
        yield Observation(name, where, limit=limit, comparison="<=", verdict=Verdict.INSUFFICIENT, detail=text)
    elif newest > now + _AHEAD:
        text = Words(f"最新の行が未来の時刻 {shape.newest}", f"the newest row lies in the future: {shape.newest}")
        yield Observation(name, where, limit=limit, comparison="<=", verdict=Verdict.ERROR, detail=text)
    else:
        hours = max(0.0, (now - newest) / timedelta(hours=1))
        verdict = Verdict.PASS if hours <= limit else Verdict.FAIL
        yield Observation(name, where, hours, None, None, limit, "<=", shape.rows, verdict)


def _moment(text: str) -> datetime | None:
    """A time; one that is written without a zone is taken for UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _volume(shape: TableShape, approved: TableShape, rules: TableRules) -> Iterator[Observation]:
    if rules.volume_change is None:
        return
    text = Words(f"{approved.rows:,} 行から {shape.rows:,} 行", f"{approved.rows:,} rows before, {shape.rows:,} now")
    if not approved.rows:
        yield Observation("volume_change", verdict=Verdict.INSUFFICIENT, n=shape.rows, detail=text)
        return
    change = abs(shape.rows - approved.rows) / approved.rows
    verdict = Verdict.PASS if change <= rules.volume_change else Verdict.FAIL
    yield Observation("volume_change", "", change, None, None, rules.volume_change, "<=", shape.rows, verdict, text)


def _schema(shape: TableShape, approved: TableShape) -> Iterator[Observation]:
    then, now = ({column.name: column.kind for column in one.columns} for one in (approved, shape))
    changes = {
        ("追加", "added"): sorted(now.keys() - then.keys()),
        ("なくなった", "gone"): sorted(then.keys() - now.keys()),
        ("種類の変化", "of another kind"): sorted(name for name in then.keys() & now.keys() if then[name] != now[name]),
    }
    text = NOTHING
    for (ja, en), names in changes.items():
        if names:
            text = text.then(Words(f"{ja}: {_listed(names)}", f"{en}: {_listed(names)}"))
    count = sum(map(len, changes.values()))
    verdict = Verdict.FAIL if count else Verdict.PASS
    yield Observation("schema_change", "", count, None, None, 0, "==", shape.rows, verdict, text)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:10])) + (" …" if len(names) > 10 else "")  # noqa: PLR2004 - enough to find the rest


# --- the datasheet ------------------------------------------------------------------------


def datasheet(shape: TableShape, facts: Mapping[str, str], observations: Sequence[Observation]) -> str:
    """A datasheet of the data in Markdown, in both languages (Gebru et al., CACM 64 (2021)).

    Args:
        shape: of the table.
        facts: what else is known, by label, for example where the data lie.
        observations: what the check saw.

    Returns:
        Sections for composition, collection and quality; what only people know is left to them by name.
    """
    about = [f"| {escaped(name)} | {escaped(value)} |" for name, value in facts.items()]
    columns = [
        f"| {escaped(one.name)} | {escaped(one.type)} | {one.kind} | {_share(one.missing, shape.rows)} |"
        for one in shape.columns
    ]
    quality = [
        f"| {escaped(seen.name)} | {escaped(seen.slice)} | {seen.verdict.value} | {escaped(seen.detail.en)} |"
        for seen in observations
    ]
    return "\n".join(
        [
            "# データシート / Datasheet",
            "",
            *_table("項目 / Item", "内容 / Value", rows=[*about, f"| 行数 / rows | {shape.rows:,} |"]),
            "",
            "## 構成 / Composition",
            "",
            *_table("列 / Column", "型 / Type", "種類 / Kind", "欠損 / Missing", rows=columns),
            "",
            "## 品質 / Quality",
            "",
            *_table("項目 / What", "対象 / Where", "判定 / Verdict", "説明 / Detail", rows=quality),
            "",
            "## 人が書く項目 / For people to answer",
            "",
            *(f"- {question}" for question in _QUESTIONS),
            "",
        ]
    )


_QUESTIONS: Final = (
    "なぜ作られたデータか / Why were the data created?",
    "誰がどのように集めたか、同意はあるか / Who collected them, how, and with whose consent?",
    "何に使ってはならないか / What must they not be used for?",
    "誰が保守するか / Who maintains them?",
)


def _table(*head: str, rows: Sequence[str]) -> list[str]:
    return [f"| {' | '.join(head)} |", "|" + "---|" * len(head), *rows]


def _share(count: int, rows: int) -> str:
    return f"{count / rows:.1%}" if rows else "-"


def escaped(text: str) -> str:
    """Hostile text as one cell of a Markdown table: no markup, no line breaks, no pipes."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return "".join(f"\\{c}" if c in "\\`*_{}[]()<>#+-!|~&" else c for c in line)
