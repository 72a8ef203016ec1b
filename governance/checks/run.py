# SPDX-License-Identifier: Apache-2.0
"""Carry out one check on one model version; whatever happens, it ends in a verdict with a reason.

::

    try:
        with open_table(use_case, version, settings) as table:  # only if needs_table(check)
            finding = run(check, version, model, use_case, table, suite_dir=settings.suite_dir)
    except CheckNotRunError as error:
        finding = unable(error, use_case, version)
    except PolicyError as error:
        finding = unreadable(error, use_case)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from governance.checks import bias, data_quality, drift, own, table_profile
from governance.core import bias as bias_rules
from governance.core import causes, documentation, explanation, genai, performance, robustness
from governance.core.evaluation import EvaluationTable
from governance.core.performance import Baseline
from governance.core.terms import Finding, ModelVersion, Observation, RegisteredModel, Statistic, Verdict, Words
from governance.errors import CheckNotRunError, GovernanceError, PolicyError
from governance.policy import Check, Family, Logged, UseCase

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from governance.policy import Evaluation
    from governance.policy.measures import Rate

NEEDS_TABLE: Final = frozenset({Family.DATA_QUALITY, Family.BIAS, Family.DRIFT})
"""Families that look at rows; the others ask MLflow's metadata only, unless the check says so (`needs_table`)."""


def needs_table(check: Check) -> bool:
    """Whether a check looks at the rows of the evaluation table."""
    counts = check.genai is not None and bool(check.genai.columns)
    return check.family in NEEDS_TABLE or counts or check.uses_table


@dataclass(frozen=True, slots=True)
class Beside:
    """What a version is judged by besides itself."""

    baseline: Baseline | None = None
    """What the approved version logged; None if no version was approved before."""
    today: date | None = None
    """In the company's time zone, for ages; None for today in UTC."""
    now: datetime | None = None
    """The clock, aware; None for the machine's."""
    approved: tuple[Statistic, ...] = ()
    """What the same check counted on the approved version."""
    reference: EvaluationTable | None = None
    """An open table to compare with while no version is approved."""
    shifts: tuple[Observation, ...] = ()
    """What the newest drift check saw on this version."""


_NOTHING: Final = Beside()


@dataclass(frozen=True, slots=True)
class _Task:
    """Everything a family may look at."""

    check: Check
    version: ModelVersion
    model: RegisteredModel
    use_case: UseCase
    table: EvaluationTable | None
    suite_dir: Path
    beside: Beside

    @property
    def today(self) -> date:
        return self.beside.today or datetime.now(UTC).date()


def run(
    check: Check,
    subject: ModelVersion,
    model: RegisteredModel,
    use_case: UseCase,
    table: EvaluationTable | None,
    *,
    suite_dir: Path,
    beside: Beside = _NOTHING,
) -> Finding:
    """Measure and judge.

    Args:
        check: what to do, and by which limits.
        subject: the version, as MLflow tells it.
        model: its registered model.
        use_case: names columns, suite and floors. Exemptions are the caller's business.
        table: an open evaluation table; None if there is none to look at.
        suite_dir: where `<use_case.suite>.yaml` lies.
        beside: the approved version and the day, for the families that look at them.

    Returns:
        A finding. What could not be carried out is `error`; what had nothing to run on is `not_run`.

    Raises:
        PolicyError: the suite is missing or malformed.
        SourceUnavailableError: the evaluation data did not answer; trying again may help.
    """
    try:
        task = _Task(check, subject, model, use_case, table, suite_dir, beside)
        finding = _FAMILIES[check.family](task) if isinstance(check.family, Family) else _own(task)
    except CheckNotRunError as error:
        return unable(error, use_case, subject)
    return finding if table is None else replace(finding, engines={**table.engines, **finding.engines})


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
    table, rules = _table(task), task.check.table
    finding = data_quality.measure(table, task.suite_dir / f"{task.use_case.suite}.yaml")
    if rules is None:
        return finding
    now = task.beside.now or datetime.now(UTC)
    return table_profile.beside(finding, table, rules, task.beside.approved, _about(task), now=now)


def _about(task: _Task) -> dict[str, str]:
    """What a datasheet says of where its data come from."""
    logged = {f"MLflow {one.context}": f"{one.name} ({one.digest}), {one.source}" for one in task.version.datasets}
    evaluation = task.use_case.evaluation
    roles = evaluation.model_dump(mode="json", include={"label", "prediction", "sensitive"}) if evaluation else {}
    said = {name: ", ".join(value) if isinstance(value, list) else str(value or "-") for name, value in roles.items()}
    return {"モデルバージョン / model version": str(task.version.key), **said, **logged}


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
    wanted = {"prediction": evaluation.prediction}
    if bias_rules.needs_labels(task.check) or task.check.errors is not None:
        wanted["label"] = evaluation.label
    if absent := next((name for name, column in wanted.items() if column is None), None):
        return _not_run(
            f"{absent} の列が指定されていない。use_cases.yaml に evaluation.{absent} を書く",
            f"no {absent} column is named; set `evaluation.{absent}` in use_cases.yaml",
        )
    if task.check.scores is not None and evaluation.score is None:
        return _not_run(
            "scores の限度があるのに score の列が指定されていない。use_cases.yaml に evaluation.score を書く",
            "the check limits scores and no score column is named; set `evaluation.score` in use_cases.yaml",
        )
    table = _table(task)
    _require_columns(table, evaluation)
    beside = task.beside
    name = str(beside.baseline.subject) if beside.baseline else ""
    past = bias.past(beside.approved)
    return bias.measure(
        table, task.check, evaluation, today=task.today, beside=causes.Beside(past, name, beside.shifts)
    )


def _performance(task: _Task) -> Finding:
    return performance.judge(task.use_case.performance, task.version.metrics, task.check, task.beside.baseline)


def _documentation(task: _Task) -> Finding:
    return documentation.judge(task.version, task.model, task.check, task.today)


def _explanation(task: _Task) -> Finding:
    return explanation.judge(task.version, task.check, task.today)


def _robustness(task: _Task) -> Finding:
    return robustness.judge(task.version.metrics, task.check)


def _drift(task: _Task) -> Finding:
    evaluation, beside = task.use_case.evaluation, task.beside
    table = _table(task)
    if evaluation is not None and evaluation.time is not None and task.check.drift.window_days is not None:
        _require_column(table, evaluation.time, "evaluation.time", "use_cases.yaml")
    reference = drift.past(beside.approved)
    if not reference and beside.reference is not None:
        reference = list(drift.profiled(beside.reference, task.check.drift))
    return drift.measure(table, task.check, evaluation, reference=reference, today=task.today)


def _genai(task: _Task) -> Finding:
    settings = task.check.genai
    if settings is None or not settings.columns:
        return genai.judge(task.check, task.version.metrics, {})
    table, by = _table(task), genai.columns(settings)
    for column in by:
        _require_column(table, column, "genai.columns", "checks.yaml")
    counted: Mapping[Rate, genai.Judged] = genai.tally(settings, by, table.group_counts(by))
    return replace(genai.judge(task.check, task.version.metrics, counted), data_digest=table.digest)


def _own(task: _Task) -> Finding:
    given = own.Task(task.version, task.model, task.use_case, task.table, dict(task.check.parameters))
    return own.measure(task.check, given)


_FAMILIES: Final[Mapping[Family, Callable[[_Task], Finding]]] = {
    Family.DATA_QUALITY: _data_quality,
    Family.BIAS: _bias,
    Family.PERFORMANCE: _performance,
    Family.DOCUMENTATION: _documentation,
    Family.GENAI: _genai,
    Family.EXPLANATION: _explanation,
    Family.ROBUSTNESS: _robustness,
    Family.DRIFT: _drift,
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
    roles = ("label", "prediction", "weight", "time", "score")
    named = {name: getattr(evaluation, name) for name in roles if getattr(evaluation, name)}
    named |= {f"sensitive ({name})": name for name in evaluation.sensitive}
    for field, column in named.items():
        _require_column(table, column, f"evaluation.{field.split()[0]}", "use_cases.yaml")


def _require_column(table: EvaluationTable, column: str | None, field: str, file: str) -> None:
    if column not in table.columns:
        raise CheckNotRunError(
            f"column {column!r} is not in the evaluation table",
            hint=f"Correct `{field}` in {file}, or add the column to the data.",
            ja=f"列 {column!r} が評価データにない。{file} の {field} を直すか、データに列を足す",
        )


def _not_run(ja: str, en: str) -> Finding:
    return Finding(Verdict.NOT_RUN, detail=Words(ja, en))
