# SPDX-License-Identifier: Apache-2.0
"""Measure how far a version's data moved from those of the approved version, and judge it (3.3-07b)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from governance.checks import profiles
from governance.checks.profiles import Days
from governance.core import drift
from governance.core.comparisons import holm
from governance.core.drift import Profile, Rules
from governance.core.terms import NOTHING, Finding, Observation, Statistic, Verdict, Words
from governance.core.verdicts import combine
from governance.errors import CheckNotRunError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from governance.core.evaluation import EvaluationTable
    from governance.policy import Check, Drift, Evaluation

PROFILE: Final = "profile "
"""What a version's own bins are named, by which the next one is judged: `profile income`."""
COUNTS: Final = "drift "
"""What its rows in the approved version's bins are named."""
_MOST: Final = 3
_NO_REFERENCE: Final = Words(
    "比べる承認済みの版も基準データもない。checks.yaml の drift.reference に学習データなどを書く",
    "there is neither an approved version nor a reference; name one under `drift.reference` in checks.yaml, such as the training data",
)
_NO_COLUMN: Final = Words(
    "分布を取れる列がない(数、真偽値、繰り返しのある文字の列)",
    "there is no column to profile: numbers, truth values, or text that repeats",
)


@dataclass(frozen=True, slots=True)
class _Measured:
    """The reference's bins, and the rows of the table in them."""

    reference: Mapping[str, Profile]
    windows: Mapping[str, Sequence[Profile]]
    """Column -> newest window first; a column that is gone is not here."""
    own: tuple[Profile, ...]
    undated: int = 0
    days: Days | None = None
    named: frozenset[str] = frozenset()
    """Columns that the policy names: each of them has to be judged."""
    declared: Mapping[str, str] = field(default_factory=dict)
    """Wanted column of the table -> its type there."""


def measure(
    table: EvaluationTable,
    check: Check,
    evaluation: Evaluation | None,
    *,
    reference: Sequence[Profile],
    today: date,
) -> Finding:
    """Count the table in the reference's bins and judge every column.

    Args:
        table: the version's data.
        check: `drift` says what is compared and by which limits.
        evaluation: names the time column, if windows are wanted.
        reference: profiles of the approved version or of the reference data; none gives `not_run`.
        today: in the company's time zone; the last day of the newest window.

    Returns:
        One observation per column and measure. Its statistics are the counts in the reference's bins, and the
        version's own profiles, which become the reference once it is approved.
    """
    settings = check.drift
    own = profiled(table, settings)
    if not reference:
        return Finding(Verdict.NOT_RUN, detail=_NO_REFERENCE, data_digest=table.digest, statistics=_kept(own))
    wanted = {one.column: one for one in reference if _is_wanted(one.column, settings)}
    present = [one for one in wanted.values() if _is_alike(one, table)]
    windows = _days(settings, evaluation, today)
    undated = profiles.undated(table, windows) if windows else 0
    named = frozenset(settings.columns) - frozenset(settings.exclude)
    declared = {column: told for column, told in table.columns.items() if _is_wanted(column, settings)}
    found = _Measured(wanted, profiles.count(table, present, windows), own, undated, windows, named, declared)
    return _judge(found, check, table.digest)


def profiled(table: EvaluationTable, settings: Drift) -> tuple[Profile, ...]:
    """Profiles of the columns that the policy wants and that can be profiled."""
    columns = [column for column in table.columns if _is_wanted(column, settings)]
    found = (profiles.profile(table, column, settings.bins) for column in columns)
    return tuple(one for one in found if one is not None)


def past(statistics: Iterable[Statistic]) -> list[Profile]:
    """The profiles that an earlier version's check left."""
    return [Profile.read(one.content) for one in statistics if one.name.startswith(PROFILE)]


def _is_wanted(column: str, settings: Drift) -> bool:
    return column not in settings.exclude and (not settings.columns or column in settings.columns)


def _is_alike(reference: Profile, table: EvaluationTable) -> bool:
    """Whether the table has the column, and it is still of numbers, or still of words.

    Files may hold numbers as text, as a CSV does where one is infinite: what is no number is missing then.
    """
    if reference.column not in table.columns:
        return False
    found = profiles.kind(table.columns[reference.column])
    if reference.categories is not None:
        return found == "word"
    return found == "number" or (found == "word" and "duckdb" in table.engines)


def _days(settings: Drift, evaluation: Evaluation | None, today: date) -> Days | None:
    if settings.window_days is None:
        return None
    if evaluation is None or evaluation.time is None:
        raise CheckNotRunError(
            "drift.window_days is set, but no column says when a row came about",
            hint="Name it under `evaluation.time` in use_cases.yaml, or drop `drift.window_days` in checks.yaml.",
            ja="drift.window_days があるのに時刻の列が決められていない。use_cases.yaml の evaluation.time に書くか、checks.yaml の drift.window_days を外す",
        )
    return profiles.Days(evaluation.time, settings.window_days, settings.windows, today)


def _judge(found: _Measured, check: Check, digest: str) -> Finding:
    told = {column: tested(found.reference[column], windows[0]) for column, windows in found.windows.items()}
    rules, limits = Rules(check.confidence, check.min_n, told), check.drift.limits.model_dump()
    compared = [
        drift.judge(name, found.reference[column], windows, limit, rules)
        for column, windows in found.windows.items()
        for name, limit in limits.items()
        if limit is not None and not (name == "ks" and found.reference[column].categories is not None)
    ]
    observations = (*_gone(found), *holm(compared, check.confidence))
    newest = [windows[0] for windows in found.windows.values()]
    return Finding(
        combine(seen.verdict for seen in observations),
        observations,
        n=max((one.n for one in newest), default=0),
        detail=_beside(found) if observations else _NO_COLUMN,
        data_digest=digest,
        cause=_cause(observations, found),
        statistics=(*_kept(found.own), *_counts(found)),
    )


def tested(reference: Profile, current: Profile) -> Words:
    """The chi-square test, which informs and does not decide."""
    from scipy.special import chdtrc

    statistic, free = drift.chi_square(reference.cells, current.cells)
    if not free:
        return NOTHING
    p = float(chdtrc(free, statistic))
    return Words(
        f"カイ二乗 {statistic:.4g}(自由度 {free}、p = {p:.2g}、参考)",
        f"chi-square {statistic:.4g} ({free} degrees of freedom, p = {p:.2g}, for information)",
    )


def _gone(found: _Measured) -> Iterable[Observation]:
    for column in sorted((found.named | found.reference.keys()) - found.windows.keys()):
        yield Observation("column", column, verdict=Verdict.ERROR, detail=_why_gone(column, found))
    if found.undated:
        text = Words(
            f"{found.undated:,} 行は時刻がないか未来の時刻で、どの区間にも入らない",
            f"{found.undated:,} rows have no time, or one in the future, and are in no window",
        )
        yield Observation(
            "rows_without_time",
            value=found.undated,
            limit=0,
            comparison="==",
            n=found.undated,
            verdict=Verdict.INSUFFICIENT,
            detail=text,
        )


def _beside(found: _Measured) -> Words:
    """Columns that nobody judged: identifiers, times, and those that the reference does not have."""
    left = [column for column in found.declared if column not in found.reference]
    if not left:
        return NOTHING
    names, more = ", ".join(map(repr, left[:_MOST])), len(left) - _MOST
    return Words(
        f"基準に分布がなく比べない列: {names}" + (f" ほか {more} 列" if more > 0 else ""),
        f"not compared, for the reference has no profile: {names}" + (f" and {more} more columns" if more > 0 else ""),
    )


def _why_gone(column: str, found: _Measured) -> Words:
    if column not in found.reference:
        return Words(
            "drift.columns にあるが基準に分布がない。列名を直すか、識別子や日時なら外す",
            "named under `drift.columns`, but the reference has no profile of it; correct the name, or drop it if it holds identifiers or times",
        )
    if column in found.declared:
        kind = "数" if found.reference[column].categories is None else "文字か真偽値"
        kind_en = "numbers" if found.reference[column].categories is None else "words"
        return Words(
            f"基準では{kind}の列だが、データでは {found.declared[column]}。データの型を戻すか、drift.exclude に書く",
            f"holds {kind_en} in the reference and is {found.declared[column]} in the data; "
            "restore its type, or name it under `drift.exclude`",
        )
    return Words(
        "基準にある列がデータにない。データに列を戻すか、drift.exclude に書く",
        "the reference has this column and the data do not; bring it back, or name it under `drift.exclude`",
    )


def _cause(observations: Iterable[Observation], found: _Measured) -> Words:
    """What moved in the columns that broke a limit, the furthest first."""
    failed = {seen.slice: seen for seen in observations if seen.verdict is Verdict.FAIL}
    worst = sorted(failed.values(), key=lambda seen: (-(seen.value or 0), seen.slice))[:_MOST]
    told = NOTHING
    for seen in worst:
        told = told.then(drift.moved(found.reference[seen.slice], found.windows[seen.slice][0]))
    if len(failed) > _MOST:
        more = len(failed) - _MOST
        told = told.then(Words(f"ほか {more} 列", f"and {more} more columns"))
    return told


def _kept(own: Iterable[Profile]) -> tuple[Statistic, ...]:
    return tuple(Statistic(PROFILE + one.column, one.content()) for one in own)


def _counts(found: _Measured) -> Iterable[Statistic]:
    for column, windows in found.windows.items():
        for number, window in enumerate(windows):
            last = found.days.last(number).isoformat() if found.days else ""
            yield Statistic(COUNTS + column, window.content(), last)
