# SPDX-License-Identifier: Apache-2.0
"""Whether a model version is described well enough for somebody who did not build it (clause 3.3-07c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.core.terms import NOTHING, Finding, Observation, Verdict, Words
from governance.core.verdicts import combine

if TYPE_CHECKING:
    from governance.core.terms import ModelVersion, RegisteredModel
    from governance.policy import Check

_TAG = "tag:"
_NOTHING_REQUIRED = Words(
    "必要な項目が決められていない。checks.yaml の required に書く",
    "the check requires no item; list them under `required` in checks.yaml",
)


def judge(version: ModelVersion, model: RegisteredModel, check: Check) -> Finding:
    """Look for every required item and see that it says something.

    Args:
        version: whose own text counts first.
        model: whose text serves where the version's is missing or too short.
        check: `required` names the items, `description` or `tag:<name>`; `min_characters` is the least length.

    Returns:
        One observation per item, with its length in characters; `fail` names what is missing. Blank and
        invisible characters do not count. Nothing required gives `not_run`.
    """
    if not check.required:
        return Finding(Verdict.NOT_RUN, detail=_NOTHING_REQUIRED)
    observations = tuple(_observe(item, version, model, check.min_characters) for item in check.required)
    absent = [observation.name for observation in observations if observation.verdict is not Verdict.PASS]
    names = ", ".join(absent)
    detail = Words(f"不足: {names}", f"missing or too short: {names}") if absent else NOTHING
    return Finding(combine(observation.verdict for observation in observations), observations, detail=detail)


def _observe(item: str, version: ModelVersion, model: RegisteredModel, least: int) -> Observation:
    if item != "description" and not (item.startswith(_TAG) and len(item) > len(_TAG)):
        return Observation(
            item,
            verdict=Verdict.ERROR,
            detail=Words(
                f"{item!r} という項目はない。checks.yaml には description か tag:<名前> を書く",
                f"{item!r} is no item this check knows; use `description` or `tag:<name>` in checks.yaml",
            ),
        )
    places = {"version": _length(_text(item, version)), "model": _length(_text(item, model))}
    # The first place that says enough wins; else the one that says most is the better report.
    place = next((name for name, length in places.items() if length >= least), max(places, key=places.__getitem__))
    length = places[place]
    verdict = Verdict.PASS if length >= least else Verdict.FAIL
    return Observation(
        item, value=length, limit=least, comparison=">=", verdict=verdict, detail=_detail(length, least, place, version)
    )


def _detail(length: int, least: int, place: str, version: ModelVersion) -> Words:
    where = {"version": "バージョン", "model": "登録モデル"}[place]
    if length >= least:
        return Words(f"{where}に {length:,} 文字", f"{length:,} characters, from the {place}")
    if length:
        return Words(
            f"{where}に {length:,} 文字。{least} 文字以上が必要。MLflow の {version.key} に書き足す",
            f"{length:,} characters on the {place}, at least {least} are required; say more on {version.key} in MLflow",
        )
    return Words(
        f"未記入。MLflow の {version.key} か登録モデルに書く",
        f"missing; set it on {version.key} or on the registered model in MLflow",
    )


def _text(item: str, owner: ModelVersion | RegisteredModel) -> str:
    return owner.description if item == "description" else owner.tags.get(item.removeprefix(_TAG), "")


def _length(text: str) -> int:
    visible = "".join(character for character in text if character.isprintable() or character.isspace())
    return len(" ".join(visible.split()))
