# SPDX-License-Identifier: Apache-2.0
"""What Great Expectations answered, as a file for the evidence store: the same answer gives the same bytes.

Numbers only. An observed value that is no number quotes the data, and an error's message does so too; of those
the file says that they were withheld, and the kind of the error.
"""

from __future__ import annotations

from importlib.metadata import version
from numbers import Real
from typing import TYPE_CHECKING, Any, Final

from governance.core.evidence import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from governance.checks.suites import Rule, Suite
    from governance.core.evaluation import EvaluationTable

NAME: Final = "gx_result.json"
MEDIA_TYPE: Final = "application/json"


GX: Final = version("great-expectations")
_LONGEST: Final = 80


def document(suite: Suite, entries: Sequence[Mapping[str, Any]], table: EvaluationTable, rows: int) -> bytes:
    """RFC 8785 JSON of all that was asked and answered, without run ids and moments.

    Args:
        suite: what was asked.
        entries: one per rule, see `entry`.
        table: what it was asked of.
        rows: how many there are.
    """
    return canonical(
        {
            "suite": suite.name,
            "data_digest": table.digest,
            "rows": rows,
            "great_expectations": GX,
            "results": list(entries),
        }
    )


def masked(values: Sequence[object], *, is_personal: bool) -> list[str]:
    """Offending values, short; of a personal column, only that there are some."""
    return ["***" if is_personal else str(value)[:_LONGEST] for value in values]


def entry(rule: Rule, answer: Mapping[str, Any] | str, error: str) -> dict[str, Any]:
    """What was asked and answered; text for `answer` names the column that is not there, `error` is its kind or ''."""
    asked: dict[str, Any] = {"type": rule.type, "kwargs": rule.kwargs, "severity": rule.severity}
    if rule.where:
        asked["where"] = [one.model_dump(mode="json") for one in rule.where]
    if isinstance(answer, str):
        return {**asked, "success": None, "missing_column": answer}
    result = {name: _number(value) for name, value in answer["result"].items()}
    numbers = {name: value for name, value in result.items() if value is not None}
    withheld = sorted(name for name, value in answer["result"].items() if value is not None and name not in numbers)
    told = {**asked, "success": bool(answer["success"]), "result": numbers, "withheld": withheld}
    return {**told, "error": error} if error else told


def _number(value: object) -> bool | int | float | None:
    """A number as Python has it; Great Expectations hands out numpy's."""
    if isinstance(value, bool | int):
        return value
    return float(value) if isinstance(value, Real) else None
