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


def document(
    suite: Suite, answers: Sequence[Mapping[str, Any] | str], errors: Sequence[str], table: EvaluationTable, rows: int
) -> bytes:
    """RFC 8785 JSON of all that was asked and answered, without run ids and moments.

    Args:
        suite: what was asked.
        answers: to each of its rules; text names the column that is not there.
        errors: the kind of the error that each rule met, or ''.
        table: what it was asked of.
        rows: how many there are.
    """
    told = zip(suite.rules, answers, errors, strict=True)
    return canonical(
        {
            "suite": suite.name,
            "data_digest": table.digest,
            "rows": rows,
            "great_expectations": version("great-expectations"),
            "results": [_entry(rule, answer, error) for rule, answer, error in told],
        }
    )


def _entry(rule: Rule, answer: Mapping[str, Any] | str, error: str) -> dict[str, Any]:
    asked = {"type": rule.type, "kwargs": rule.kwargs, "severity": rule.severity}
    if isinstance(answer, str):
        return {**asked, "success": None, "missing_column": answer}
    result = {name: _number(value) for name, value in answer["result"].items()}
    numbers = {name: value for name, value in result.items() if value is not None}
    withheld = sorted(name for name, value in answer["result"].items() if value is not None and name not in numbers)
    entry = {**asked, "success": bool(answer["success"]), "result": numbers, "withheld": withheld}
    return {**entry, "error": error} if error else entry


def _number(value: object) -> bool | int | float | None:
    """A number as Python has it; Great Expectations hands out numpy's."""
    if isinstance(value, bool | int):
        return value
    return float(value) if isinstance(value, Real) else None
