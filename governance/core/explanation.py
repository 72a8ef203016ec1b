# SPDX-License-Identifier: Apache-2.0
"""Whether somebody can say why the model decides as it does: an explanation is there and not old (K-Q08)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from governance.core import freshness
from governance.core.terms import Finding, Observation, Verdict, Words
from governance.core.verdicts import combine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from governance.core.terms import ModelVersion
    from governance.policy import Check
    from governance.policy.measures import Explanation

_UNSAID: Final = Words(
    "何が説明に当たるか決められていない。checks.yaml の explanation に書く",
    "nobody said where an explanation lies; write `explanation` in checks.yaml",
)


def judge(version: ModelVersion, check: Check, today: date) -> Finding:
    """Look for the explanation where the policy says it lies, and at its age.

    Args:
        version: its tags and the dataset inputs of its run.
        check: `explanation` names tag or context, and the greatest age in days.
        today: in the company's time zone.

    Returns:
        `fail` if it is missing or too old; `not_run` if nobody says how old it is. Where both a tag and a
        context are named, one of them is enough; the tag is looked at first.
    """
    wanted = check.explanation
    if wanted is None:
        return Finding(Verdict.NOT_RUN, detail=_UNSAID)
    observations = tuple(_look(wanted, version, today)) or (_missing(wanted, version),)
    return Finding(combine(observation.verdict for observation in observations), observations)


def _look(wanted: Explanation, version: ModelVersion, today: date) -> Iterator[Observation]:
    if wanted.tag and version.tags.get(wanted.tag, "").strip():
        dated_by = wanted.dated_by or f"{wanted.tag}_on"
        yield freshness.of_text(dated_by, version.tags.get(dated_by, ""), wanted.max_age_days, today)
    elif any(dataset.context == wanted.context for dataset in version.datasets):
        yield _as_old_as(version, wanted, today)


def _as_old_as(version: ModelVersion, wanted: Explanation, today: date) -> Observation:
    name = f"context:{wanted.context}"
    if version.created_at is None:
        text = Words("版の作成日が分からない", "MLflow does not say when the version was made")
        return Observation(name, limit=wanted.max_age_days, comparison="<=", verdict=Verdict.NOT_RUN, detail=text)
    return freshness.of_day(name, version.created_at.date(), wanted.max_age_days, today)


def _missing(wanted: Explanation, version: ModelVersion) -> Observation:
    if wanted.tag is None:
        text = Words(
            f"ない。{version.key} の実行で context={wanted.context} として mlflow.log_input で記録する",
            f"missing; log it on the run of {version.key} with mlflow.log_input(..., context={wanted.context!r})",
        )
        return Observation(
            f"context:{wanted.context}", value=0, limit=1, comparison=">=", verdict=Verdict.FAIL, detail=text
        )
    text = Words(
        f"ない。{version.key} のタグ {wanted.tag} に置き場所を、{wanted.dated_by or f'{wanted.tag}_on'} に日付を書く",
        f"missing; set the tag {wanted.tag} of {version.key} to where it lies, "
        f"and {wanted.dated_by or f'{wanted.tag}_on'} to its day",
    )
    return Observation(f"tag:{wanted.tag}", value=0, limit=1, comparison=">=", verdict=Verdict.FAIL, detail=text)
