# SPDX-License-Identifier: Apache-2.0
"""Whether a model version is described well enough for somebody who did not build it (clause 3.3-07c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.core import freshness
from governance.core.headings import fold, sections
from governance.core.terms import NOTHING, Finding, Observation, Verdict, Words
from governance.core.verdicts import combine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from governance.core.terms import ModelVersion, RegisteredModel
    from governance.policy import Check
    from governance.policy.measures import Document, Headings

_TAG = "tag:"
_NOTHING_REQUIRED = Words(
    "必要な項目が決められていない。checks.yaml の required に書く",
    "the check requires no item; list them under `required` in checks.yaml",
)


def judge(version: ModelVersion, model: RegisteredModel, check: Check, today: date) -> Finding:
    """Look for every required item and section, see that it says something, and that somebody looked at it lately.

    Args:
        version: whose own text counts first.
        model: whose text serves where the version's is missing or too short.
        check: `required` names the items, `description` or `tag:<name>`; `min_characters` is the least length;
            `documents` names the sections of longer texts; `reviewed` sets an age limit in days.
        today: in the company's time zone, for the age.

    Returns:
        One observation per item and section, with its length in characters, and one for the age in days; `fail`
        names what is missing. Blank and invisible characters do not count. Nothing required gives `not_run`.
    """
    observations = tuple(_observations(version, model, check, today))
    if not observations:
        return Finding(Verdict.NOT_RUN, detail=_NOTHING_REQUIRED)
    detail = _names(observations, "missing or too short", "不足", is_age=False).then(
        _names(observations, "not reviewed in time", "見直しが期限内でない", is_age=True)
    )
    return Finding(combine(observation.verdict for observation in observations), observations, detail=detail)


def _names(observations: tuple[Observation, ...], en: str, ja: str, *, is_age: bool) -> Words:
    unwell = [o.name for o in observations if o.verdict is not Verdict.PASS and (o.comparison == "<=") is is_age]
    names = ", ".join(unwell)
    return Words(f"{ja}: {names}", f"{en}: {names}") if unwell else NOTHING


def _observations(version: ModelVersion, model: RegisteredModel, check: Check, today: date) -> Iterator[Observation]:
    for item in check.required:
        yield _observe(item, version, model, check.min_characters)
    for name, document in check.documents.items():
        yield from _document(name, document, version, model)
    if check.reviewed is not None:
        tag = check.reviewed.tag
        told = version.tags.get(tag) or model.tags.get(tag, "")
        yield freshness.of_text(tag, told, check.reviewed.max_age_days, today)


def _document(name: str, document: Document, version: ModelVersion, model: RegisteredModel) -> Iterator[Observation]:
    """One observation per section; what the version says counts first, a tag of its own before the text."""
    names = [heading for wanted in document.sections.values() for heading in wanted.all]
    texts = [sections(_text(document.item, owner), names) for owner in (version, model)]
    for section, wanted in document.sections.items():
        tag = f"{name}.{section}"
        said = [owner.tags.get(tag, "") for owner in (version, model)]
        said += ["\n".join(text.get(fold(heading), "") for heading in wanted.all) for text in texts]
        length = max(map(_length, said))
        is_there = any(fold(heading) in text for heading in wanted.all for text in texts)
        yield _section((tag, document, wanted), length, version, is_there=is_there)


def _section(
    wanted: tuple[str, Document, Headings], length: int, version: ModelVersion, *, is_there: bool
) -> Observation:
    (tag, document, headings), least = wanted, wanted[1].min_characters
    if length >= least:
        detail = Words(f"{length:,} 文字", f"{length:,} characters")
    elif is_there or length:
        detail = Words(
            f"見出しはあるが {length:,} 文字。{least} 文字以上が必要",
            f"the heading is there with {length:,} characters below it, at least {least} are required",
        )
    else:
        heading = headings.all[0]
        detail = Words(
            f"節がない。{version.key} の {document.item} に見出し「{heading}」を立てるか、タグ {tag} に書く",
            f"no such section; write it in {document.item} of {version.key} under the heading {headings.all[-1]!r}, "
            f"or set the tag {tag}",
        )
    verdict = Verdict.PASS if length >= least else Verdict.FAIL
    return Observation(tag, value=length, limit=least, comparison=">=", verdict=verdict, detail=detail)


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
