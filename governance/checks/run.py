# SPDX-License-Identifier: Apache-2.0
"""Carry out one check on one model version; whatever happens, it ends in a verdict with a reason.

::

    try:
        with open_table(use_case, version, settings) as table:  # only if check.family in NEEDS_TABLE
            finding = run(check, version, model, use_case, table, suite_dir=settings.suite_dir)
    except CheckNotRunError as error:
        finding = unable(error, use_case, version)
    except PolicyError as error:
        finding = unreadable(error, use_case)
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from governance.checks import data_quality
from governance.core import bias, documentation, performance
from governance.core.evaluation import EvaluationTable
from governance.core.terms import Finding, ModelVersion, RegisteredModel, Verdict, Words
from governance.errors import CheckNotRunError, GovernanceError, PolicyError
from governance.policy import Check, Family, Logged, UseCase

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from governance.core.evaluation import Scalar
    from governance.core.groups import Cells
    from governance.policy import Evaluation

NEEDS_TABLE: Final = frozenset({Family.DATA_QUALITY, Family.BIAS})
"""Families that look at rows; the others ask MLflow's metadata only."""


@dataclass(frozen=True, slots=True)
class _Task:
    """Everything a family may look at."""

    check: Check
    version: ModelVersion
    model: RegisteredModel
    use_case: UseCase
    table: EvaluationTable | None
    suite_dir: Path


def run(
    check: Check,
    subject: ModelVersion,
    model: RegisteredModel,
    use_case: UseCase,
    table: EvaluationTable | None,
    *,
    suite_dir: Path,
) -> Finding:
    """Measure and judge.

    Args:
        check: what to do, and by which limits.
        subject: the version, as MLflow tells it.
        model: its registered model.
        use_case: names columns, suite and floors. Exemptions are the caller's business.
        table: an open evaluation table; None if there is none to look at.
        suite_dir: where `<use_case.suite>.yaml` lies.

    Returns:
        A finding. What could not be carried out is `error`; what had nothing to run on is `not_run`.

    Raises:
        PolicyError: the suite is missing or malformed.
        SourceUnavailableError: the evaluation data did not answer; trying again may help.
    """
    try:
        return _FAMILIES[check.family](_Task(check, subject, model, use_case, table, suite_dir))
    except CheckNotRunError as error:
        return unable(error, use_case, subject)


def unable(error: CheckNotRunError, use_case: UseCase, version: ModelVersion) -> Finding:
    """The finding of a check that could not look at its data.

    `not_run` if nobody said where the data are, or the version's run logged none; else `error`.
    """
    evaluation = use_case.evaluation
    given = evaluation is not None and (
        not isinstance(evaluation.source, Logged)
        or any(dataset.context == evaluation.source.context for dataset in version.datasets)
    )
    return Finding(Verdict.ERROR if given else Verdict.NOT_RUN, detail=Words(error.ja, _sentences(error)))


def unreadable(error: PolicyError, use_case: UseCase) -> Finding:
    """The finding of a check whose suite is missing or malformed: its evidence is missing, the others' is not."""
    ja = f"スイート {use_case.suite} を読めない。governance doctor で誤りの行を確かめて直す"
    return Finding(Verdict.ERROR, detail=Words(ja, _sentences(error)))


def _sentences(error: GovernanceError) -> str:
    """Message and remedy on one line, each with its full stop."""
    return " ".join(f"{line.rstrip('.')}." for line in str(error).splitlines())


def _data_quality(task: _Task) -> Finding:
    if task.use_case.suite is None:
        return _not_run(
            "ユースケースにスイートがない。use_cases.yaml に suite を書くか、理由を付けて対象外にする",
            "the use case names no suite; set `suite` in use_cases.yaml, or exempt the check with a reason",
        )
    return data_quality.measure(_table(task), task.suite_dir / f"{task.use_case.suite}.yaml")


def _bias(task: _Task) -> Finding:
    evaluation = task.use_case.evaluation
    if evaluation is None:
        return _not_run(
            "ユースケースに評価データがない。use_cases.yaml に evaluation を書くか、理由を付けて対象外にする",
            "the use case names no evaluation data; set `evaluation` in use_cases.yaml, or exempt the check with a reason",
        )
    if not evaluation.sensitive:
        return _not_run(
            "公平性を比べる列が指定されていない。use_cases.yaml に evaluation.sensitive を書くか、理由を付けて対象外にする",
            "no sensitive column is named; set `evaluation.sensitive` in use_cases.yaml, or exempt the check with a reason",
        )
    if evaluation.label is None or evaluation.prediction is None:
        absent = "label" if evaluation.label is None else "prediction"
        return _not_run(
            f"{absent} の列が指定されていない。use_cases.yaml に evaluation.{absent} を書く",
            f"no {absent} column is named; set `evaluation.{absent}` in use_cases.yaml",
        )
    table = _table(task)
    _require_columns(table, evaluation)
    counts = {column: _cells(table, column, evaluation.label, evaluation.prediction) for column in evaluation.sensitive}
    judged = bias.judge(counts, task.check, favourable=evaluation.favourable, reference=evaluation.reference)
    return Finding(judged.verdict, judged.observations, judged.n, judged.detail, table.digest)


def _cells(table: EvaluationTable, column: str, label: str, prediction: str) -> Cells:
    cells: Counter[tuple[Scalar, Scalar, Scalar]] = Counter()
    for (group, of_label, of_prediction), rows in table.group_counts([column, label, prediction]):
        cells[group, of_label, of_prediction] += rows
    return cells


def _performance(task: _Task) -> Finding:
    return performance.judge(task.use_case.performance, task.version.metrics, task.check)


def _documentation(task: _Task) -> Finding:
    return documentation.judge(task.version, task.model, task.check)


_FAMILIES: Final[Mapping[Family, Callable[[_Task], Finding]]] = {
    Family.DATA_QUALITY: _data_quality,
    Family.BIAS: _bias,
    Family.PERFORMANCE: _performance,
    Family.DOCUMENTATION: _documentation,
}


def _table(task: _Task) -> EvaluationTable:
    if task.table is None:
        raise CheckNotRunError(
            f"there is no evaluation table for {task.version.key}",
            hint="Set `evaluation` in use_cases.yaml, and log or deliver the data.",
            ja=f"{task.version.key} の評価データがない。use_cases.yaml に evaluation を書き、データを記録するか届ける",
        )
    return task.table


def _require_columns(table: EvaluationTable, evaluation: Evaluation) -> None:
    named = {"label": evaluation.label, "prediction": evaluation.prediction} | {
        f"sensitive ({name})": name for name in evaluation.sensitive
    }
    for field, column in named.items():
        if column not in table.columns:
            raise CheckNotRunError(
                f"column {column!r} is not in the evaluation table",
                hint=f"Correct `evaluation.{field.split()[0]}` in use_cases.yaml, or add the column to the data.",
                ja=f"列 {column!r} が評価データにない。use_cases.yaml の evaluation.{field.split()[0]} を直すか、データに列を足す",
            )


def _not_run(ja: str, en: str) -> Finding:
    return Finding(Verdict.NOT_RUN, detail=Words(ja, en))
