# SPDX-License-Identifier: Apache-2.0
"""Every fact says what it says in Japanese and in English, whatever was measured."""

from __future__ import annotations

import ast
import math
import re
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.checks import unable, unreadable
from governance.core import bias, documentation, gates, inventory, performance, wording
from governance.core.terms import CheckResult, Finding, Verdict, Words
from governance.errors import CheckNotRunError, PolicyError
from governance.policy import MetricFloor, RiskTier, Text
from tests import factories
from tests.factories import NOW, REQUIRED, ROOT
from tests.languages import problems

if TYPE_CHECKING:
    from collections.abc import Iterator

    from governance.core.groups import Cells

CHECK: Final = factories.shipped().checks.checks["bias"]
DOCUMENTED: Final = factories.shipped().checks.checks["documentation"]
FLOORS: Final = (
    MetricFloor(metric="auc", at_least=0.7),
    MetricFloor(metric="recall", at_least=0.6, n_metric="rows"),
    MetricFloor(metric="error_rate", at_most=0.1),
)
values = st.sampled_from([0, 1, None, math.nan, "no"])
groups = st.sampled_from(["a", "b", "c", None])
tables: st.SearchStrategy[Cells] = st.dictionaries(st.tuples(groups, values, values), st.integers(1, 900), max_size=12)
numbers = st.sampled_from([0.0, 0.5, 0.7, 0.99, 1.5, -1.0, 20.0, 300.0, math.nan, math.inf])
metrics = st.dictionaries(st.sampled_from(["auc", "recall", "rows", "error_rate"]), numbers)
findings = st.one_of(
    st.builds(
        lambda table, wanted: bias.judge({"sex": table}, CHECK, reference={"sex": wanted}),
        tables,
        st.sampled_from([None, "a", "z"]),
    ),
    st.just(bias.judge({}, CHECK)),
    st.builds(lambda logged: performance.judge(FLOORS, logged, CHECK), metrics),
    st.just(performance.judge((), {}, CHECK)),
    st.builds(
        lambda text, required: documentation.judge(
            factories.version(description=text),
            factories.registered(),
            DOCUMENTED.model_copy(update={"required": required}),
            NOW.date(),
        ),
        st.sampled_from(["", "short", "long " * 40]),
        st.sampled_from([(), ("description", "tag:model_card"), ("nonsense",)]),
    ),
)
results = st.builds(
    lambda check, said, age: CheckResult("r", factories.key(), check, NOW - age, "d", said),
    st.sampled_from(REQUIRED),
    findings,
    st.timedeltas(min_value=NOW - NOW, max_value=NOW - NOW.replace(year=2025)),
)


@given(findings)
def test_whatever_a_check_finds_is_said_in_both_languages(finding: Finding) -> None:
    said = [finding.detail] if finding.detail else []
    said += [observation.detail for observation in finding.observations]
    assert said
    assert [problem for words in said for problem in problems(words)] == []


@given(
    st.lists(results, max_size=6).map(lambda found: {result.check: result for result in found}),
    st.sampled_from(RiskTier),
    st.sampled_from([None, factories.use_case(), factories.use_case(exempt={"bias": Text(ja="対象の人なし", en="none")})]),
)  # fmt: skip
def test_every_reason_a_gate_can_give_reads_in_both_languages(
    found: dict[str, CheckResult], tier: RiskTier, case: Any
) -> None:
    decided = gates.decide("G4", factories.version(), case, tier, found, factories.shipped(), now=NOW)
    for reason in decided.reasons:
        line = Words(wording.reason_line(reason, "ja"), wording.reason_line(reason, "en"))
        assert problems(line) == []
        assert line.ja != line.en
    assert bool(decided.reasons) == bool(wording.gist(decided.reasons))


@pytest.mark.parametrize("kind", inventory.FindingKind)
def test_whatever_is_out_of_order_in_the_inventory_has_a_reason(kind: inventory.FindingKind) -> None:
    models = [
        factories.registered("stray"),
        factories.registered("credit-scoring", (1, 2), aliases={"champion": 1, "production": 2}),
    ]
    policy = factories.policy(use_cases={"use_cases": {"credit-scoring": {"owner": None}}})
    closed = factories.decision(factories.key("credit-scoring", 1), blocks=True)
    found = inventory.findings(models, {(closed.subject, "G4"): closed}, policy)
    assert [f.subject for f in found if f.kind is kind]
    assert [problem for f in found for problem in problems(f.detail)] == []


def test_a_check_that_could_not_run_says_why_in_sentences_of_either_language() -> None:
    error = CheckNotRunError("no table", hint="Make one", ja="表がない。作る")
    assert unable(error, factories.use_case(), factories.version()).detail == Words(
        "表がない。作る", "no table. Make one."
    )
    broken = unreadable(PolicyError("s.yaml:3: type: unknown", hint="Correct that line."), factories.use_case())
    assert broken.verdict is Verdict.ERROR
    assert problems(broken.detail) == []
    assert broken.detail.en == "s.yaml:3: type: unknown. Correct that line."


def calls(name: str) -> Iterator[tuple[str, ast.Call]]:
    for path in sorted((ROOT / "governance").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def written(node: ast.expr) -> str | None:
    """What the code itself says in a text; a part that is computed counts as one letter."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if not isinstance(node, ast.JoinedStr):
        return None
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values)


def test_every_text_in_the_code_is_written_in_both_languages() -> None:
    texts = [(where, [written(part) for part in call.args]) for where, call in calls("Words")]
    whole = [(where, Words(*filter(None, parts))) for where, parts in texts if len(parts) == 2 and all(parts)]
    # What is computed in full, as `{alias}: {code} {en}`, is held by the tests above.
    spoken = [(where, words) for where, words in whole if re.search("[a-wyz]", words.en)]
    assert len(spoken) > 40
    assert [(where, problem) for where, words in spoken for problem in problems(words)] == []


def test_every_check_that_cannot_run_says_so_in_japanese() -> None:
    assert [where for where, call in calls("CheckNotRunError") if "ja" not in {k.arg for k in call.keywords}] == []


def test_words_follow_each_other_and_silence_adds_nothing() -> None:
    first, second = Words("一", "one"), Words("二", "two")
    assert first.then(second) == Words("一。二", "one; two")
    assert (first.then(Words()), Words().then(second)) == (first, second)
