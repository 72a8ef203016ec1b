# SPDX-License-Identifier: Apache-2.0
"""Whether the data are fit to judge a model on: an expectation suite of Great Expectations (clause 3.3-07b).

On files, the rules that `suite_sql` knows are one statement of DuckDB; all others, and all on databases, are run by
Great Expectations itself.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from governance.checks import expectations, gx_result, suite_sql, suites
from governance.checks.suite_sql import Plan
from governance.checks.suites import Condition, Rule, Suite
from governance.core.terms import NOTHING, Finding, Observation, Verdict, Words
from governance.core.verdicts import combine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from governance.checks.suite_arguments import Answer
    from governance.core.evaluation import EvaluationTable

_BROKEN = {"critical": Verdict.FAIL, "warning": Verdict.WARN, "info": Verdict.PASS}
_MAY_BE_ABSENT = frozenset({"expect_column_to_exist"})
_ALL_MISSING = Words("値がすべて欠けていて、見るものがない", "there is no value to look at: all are missing")
_NO_VALUE = Words("計算に使える値がない", "there is no value to compute it from")
_NO_NUMBER = Words(
    "計算に使える数がない。値が欠けているか、数でない",
    "there is no number to compute it from: the values are missing or not numbers",
)
_INFINITE = Words(
    "列に無限大があり、結果が有限でない。列を直す",
    "the column holds infinite values, so this has no finite result; clean the column",
)
_HOLDS, _HOLDS_NOT = Words("条件を満たす", "holds"), Words("条件を満たさない", "does not hold")
_HUGE = 1e15
_ERROR_NAME = re.compile(r"^(?:\w+\.)*(\w+(?:Error|Exception))\b", re.MULTILINE)


def measure(table: EvaluationTable, suite_path: Path) -> Finding:
    """Run a suite on a table.

    Args:
        table: what the model version is judged on; an empty one gives `insufficient`.
        suite_path: YAML with `name` and `expectations` (`type`, `kwargs`, `severity`).

    Returns:
        One observation per expectation: `value` is the share of unexpected values in percent, or the observed
        number. A broken expectation is `fail` (critical), `warn` (warning) or a noted `pass` (info); one that
        could not be evaluated is `error`. No offending value is ever part of it, nor of the file beside it.

    Raises:
        PolicyError: the suite is missing or malformed.
        SourceUnavailableError: the table's database did not answer.
    """
    suite = suites.read(suite_path)
    asked = _asked(suite, table)
    rows = table.count()
    if rows == 0:
        return Finding(
            Verdict.INSUFFICIENT,
            n=0,
            detail=Words(
                f"評価データが空で、スイート {suite.name} で見る行がない",
                f"the evaluation table is empty: suite {suite.name} has nothing to look at",
            ),
            data_digest=table.digest,
        )
    answers = _answers(table, asked)
    observations = tuple(_observe(rule, answer, rows) for rule, answer in zip(suite.rules, answers, strict=True))
    kinds = ["" if isinstance(answer, str) else _raised(answer["exception_info"]) for answer in answers]
    return Finding(
        combine(observation.verdict for observation in observations),
        observations,
        n=rows,
        detail=Words(f"スイート {suite.name}", f"suite {suite.name}"),
        data_digest=table.digest,
        engines={} if all(one.plan for one in asked) else {"great_expectations": gx_result.GX},
        files={gx_result.NAME: gx_result.document(suite, _entries(suite, asked, answers, kinds, table), table, rows)},
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """A rule and who answers it: a missing column, SQL, or Great Expectations."""

    rule: Rule
    lost: str
    plan: Plan | None
    expectation: Any

    @property
    def is_compiled(self) -> bool:
        return self.plan is not None and not self.lost


def _asked(suite: Suite, table: EvaluationTable) -> list[_Asked]:
    """Every rule, checked: one that Great Expectations has to run, or that is malformed, is built by it."""
    plans = [suite_sql.compile_rule(rule, table) if _is_file(table) else None for rule in suite.rules]
    others = [position for position, plan in enumerate(plans) if plan is None]
    built = dict(zip(others, expectations.build(suite, others), strict=True)) if others else {}
    return [
        _Asked(rule, _missing(rule, table), plan, built.get(position))
        for position, (rule, plan) in enumerate(zip(suite.rules, plans, strict=True))
    ]


def _is_file(table: EvaluationTable) -> bool:
    return "duckdb" in table.engines


def _answers(table: EvaluationTable, asked: Sequence[_Asked]) -> list[Mapping[str, Any] | str]:
    """In the suite's order: a result, or the column that is not there.

    Rules about the same rows share one statement, and one batch of Great Expectations.
    """
    answers: dict[int, Mapping[str, Any] | str] = {at: one.lost for at, one in enumerate(asked) if one.lost}
    by_rows: dict[tuple[Condition, ...], list[int]] = defaultdict(list)
    for at, one in enumerate(asked):
        if not one.lost:
            by_rows[one.rule.where].append(at)
    for places in by_rows.values():
        where = suite_sql.condition(asked[places[0]].rule)
        compiled = [at for at in places if asked[at].plan is not None]
        others = [at for at in places if asked[at].plan is None]
        plans = [plan for at in compiled if (plan := asked[at].plan) is not None]
        answers |= dict(zip(compiled, map(_whole, suite_sql.run(plans, table, where)), strict=True))
        if others:
            results = expectations.run(table.batch(where), [asked[at].expectation for at in others])
            answers |= dict(zip(others, results, strict=True))
    return [answers[at] for at in range(len(asked))]


def _whole(answer: Answer) -> Mapping[str, Any]:
    return {**answer, "exception_info": {"raised_exception": False}}


def _entries(
    suite: Suite,
    asked: Sequence[_Asked],
    answers: Sequence[Mapping[str, Any] | str],
    kinds: Sequence[str],
    table: EvaluationTable,
) -> list[dict[str, Any]]:
    told = []
    for one, answer, kind in zip(asked, answers, kinds, strict=True):
        entry = gx_result.entry(one.rule, answer, kind)
        broken = not isinstance(answer, str) and not answer["success"]
        if broken and one.plan is not None and suite.samples:
            values = suite_sql.sample(one.plan, table, suite_sql.condition(one.rule), suite.samples)
            if values:
                entry["samples"] = gx_result.masked(values, is_personal=one.plan.column in suite.personal)
        told.append(entry)
    return told


def _no_column(name: str) -> Words:
    return Words(
        f"列 {name!r} が評価データにない。スイートかデータを直す",
        f"column {name!r} is not in the evaluation table; correct the suite or the table",
    )


def _missing(rule: Rule, table: EvaluationTable) -> str:
    names = [] if rule.type in _MAY_BE_ABSENT else _columns(rule)
    return next((name for name in names if name not in table.columns), "")


def _columns(rule: Rule) -> list[str]:
    named = [rule.kwargs.get(key) for key in ("column", "column_A", "column_B")]
    named += [one.column for one in rule.where]
    return [name for name in [*named, *(rule.kwargs.get("column_list") or ())] if isinstance(name, str)]


def _observe(rule: Rule, result: Mapping[str, Any] | str, rows: int) -> Observation:
    if isinstance(result, str):
        return _error(rule, _no_column(result))
    raised = _raised(result["exception_info"])
    if raised:
        return _error(
            rule,
            Words(
                f"評価できない({raised})。列の型が条件に合うか確かめる",
                f"could not be evaluated ({raised}); see whether the column's type fits the expectation",
            ),
        )
    body = result["result"]
    if "unexpected_count" in body:
        return _share(rule, result["success"], body, rows)
    return _observed(rule, result["success"], body.get("observed_value"), rows)


def _raised(info: Mapping[str, Any]) -> str:
    """The kind of the first error, or ''. Never its message: that quotes values."""
    # One flag if all went well, else an entry per number that could not be computed.
    first = info if "raised_exception" in info else next(iter(info.values()), {})
    if not first.get("raised_exception"):
        return ""
    match = _ERROR_NAME.search(str(first.get("exception_traceback") or ""))
    return match[1] if match else "unknown error"


def _share(rule: Rule, success: bool, body: Mapping[str, Any], rows: int) -> Observation:  # noqa: FBT001 - as GX tells it
    n, unexpected = int(body.get("element_count") or 0), int(body["unexpected_count"])
    present = n - int(body.get("missing_count") or 0)
    if present <= 0:
        return _make(rule, Verdict.INSUFFICIENT, _ALL_MISSING, n=n or rows)
    share, allowed = 100 * unexpected / present, round(100 * (1 - float(rule.kwargs.get("mostly", 1))), 9)
    fact = Words(
        f"{present:,} 個の値のうち {unexpected:,} 個({share:.4g} %)が条件を満たさない。許容は {allowed:.4g} %",
        f"{unexpected:,} of {present:,} values ({share:.4g} %) are not as expected; at most {allowed:.4g} % may be",
    )
    return _make(
        rule, _verdict(rule, success), fact, value=share, limit=allowed, comparison="<=", n=n, noted=not success
    )


def _observed(rule: Rule, success: bool, observed: Any, rows: int) -> Observation:  # noqa: ANN401, FBT001 - as GX tells it
    if not isinstance(observed, int | float) or isinstance(observed, bool):
        if observed is None and rule.type.endswith("_to_be_between"):
            return _make(rule, Verdict.INSUFFICIENT, _NO_VALUE, n=rows)
        return _make(rule, _verdict(rule, success), _HOLDS if success else _HOLDS_NOT, n=rows, noted=not success)
    if math.isnan(observed):
        return _make(
            rule,
            Verdict.INSUFFICIENT,
            _NO_NUMBER,
            n=rows,
        )
    if math.isinf(observed):
        return _error(rule, _INFINITE)
    limit, comparison, text = _limit(rule.kwargs)
    return _make(
        rule,
        _verdict(rule, success),
        text or Words(f"観測値 {_shown(observed)}", f"observed {_shown(observed)}"),
        value=float(observed),
        limit=limit,
        comparison=comparison,
        n=rows,
        noted=not success,
    )


def _limit(kwargs: Mapping[str, Any]) -> tuple[float | None, str, Words]:
    """The limit where there is one number to print beside the value, and both in words."""
    low, high, exact = (_number(kwargs.get(key)) for key in ("min_value", "max_value", "value"))
    if exact is not None or (low is not None and low == high):
        limit = exact if exact is not None else low
        return limit, "==", Words(f"許容は {_shown(limit)} のみ", f"expected {_shown(limit)}")
    if low is not None and high is not None:
        bounds = _shown(low), _shown(high)
        return None, "", Words(f"許容範囲 {'〜'.join(bounds)}", f"expected {' to '.join(bounds)}")
    if low is not None:
        return low, ">=", Words(f"許容は {_shown(low)} 以上", f"expected at least {_shown(low)}")
    if high is not None:
        return high, "<=", Words(f"許容は {_shown(high)} 以下", f"expected at most {_shown(high)}")
    return None, "", NOTHING


def _shown(number: float | None) -> str:
    """A bound as people write it: `1,000,000`, not `1e+06`."""
    if number is None:
        return ""
    return f"{number:,.0f}" if number == round(number) and abs(number) < _HUGE else f"{number:,.6g}"


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _verdict(rule: Rule, success: bool) -> Verdict:  # noqa: FBT001 - as GX tells it
    return Verdict.PASS if success else _BROKEN[rule.severity]


def _error(rule: Rule, detail: Words) -> Observation:
    return _make(rule, Verdict.ERROR, detail)


def _make(rule: Rule, verdict: Verdict, detail: Words, *, noted: bool = False, **numbers: Any) -> Observation:  # noqa: ANN401 - fields of Observation
    is_aside = noted and rule.severity == "info"
    text = Words(f"参考(判定しない): {detail.ja}", f"noted, not judged: {detail.en}") if is_aside else detail
    return Observation(rule.type, ", ".join(_columns(rule)), verdict=verdict, detail=text, **numbers)
