# SPDX-License-Identifier: Apache-2.0
"""KPIs say what the facts say, and unknown where the facts say nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.core.inventory import findings
from governance.core.kpis import Position, light, measure
from governance.core.terms import KpiValue, Light, Reason, Verdict, VersionKey
from governance.core.waivers import Waiver, WaiverState
from governance.policy import KpiTarget, Text
from tests import factories
from tests.factories import NOW, REQUIRED

POLICY = factories.shipped()
KEY = VersionKey("credit-scoring", 1)
LABEL = Text(ja="率", en="share")
EMPTY = Position(
    models=(), decisions={}, first_decisions=(), results={}, risks=(), findings=(), waivers=(), swept_at=NOW, now=NOW
)


def target(better: str, green: float | None = 0.9, amber: float | None = 0.5) -> KpiTarget:
    content = {"name": LABEL, "formula": LABEL, "unit": "share", "better": better, "target": 1.0}
    return KpiTarget.model_validate({**content, "green": green, "amber": amber})


def values(position: Position) -> dict[str, KpiValue]:
    return {value.kpi: value for value in measure(position, POLICY)}


def company(verdict: Verdict = Verdict.PASS, *, blocks: bool = False) -> Position:
    models = (factories.registered(aliases={"champion": 1}),)
    decisions = {(KEY, "G4"): factories.decision(KEY, blocks=blocks)}
    results = {KEY: {name: factories.result(name, verdict, subject=KEY) for name in REQUIRED}}
    return replace(
        EMPTY,
        models=models,
        decisions=decisions,
        first_decisions=tuple(decisions.values()),
        results=results,
        findings=findings(models, decisions, POLICY),
    )


def test_before_mlflow_was_read_everything_is_unknown() -> None:
    for value in values(replace(EMPTY, swept_at=None)).values():
        assert (value.value, value.light) == (None, Light.GREY)
        assert value.detail.ja
        assert value.detail.en


def test_a_share_of_nothing_is_unknown_and_not_zero() -> None:
    for code in ("K-G01", "K-G03", "K-Q01", "K-Q02", "K-Q03"):
        assert (values(EMPTY)[code].value, values(EMPTY)[code].light) == (None, Light.GREY)
    assert values(EMPTY)["K-R01"].value == 0


def test_a_sound_company_is_complete_fresh_and_governed() -> None:
    found = values(company())
    assert {code: found[code].value for code in ("K-G01", "K-G03", "K-G04", "K-Q02")} == {
        "K-G01": 1.0,
        "K-G03": 1.0,
        "K-G04": 0,
        "K-Q02": 1.0,
    }


def test_a_blocked_champion_is_counted_and_named() -> None:
    found = values(company(blocks=True))
    assert (found["K-G04"].value, found["K-G04"].light) == (1, Light.RED)
    assert "credit-scoring v1" in found["K-G04"].detail.en


def test_the_debt_of_waivers_grows_with_days_and_tier_and_is_red_once_one_has_run_out_unsettled() -> None:
    asked = NOW - timedelta(days=10)
    end = (NOW + timedelta(days=1)).date()
    waived = Waiver("W-1", KEY, "G4", "bias", "why", "by hand", "tanaka", asked, end, WaiverState.ACTIVE, "sato", asked)
    other = replace(waived, id="W-2", check="performance", decided_at=asked + timedelta(days=5))
    closed = factories.decision(reasons=(Reason("bias", Verdict.FAIL),))
    held = replace(EMPTY, waivers=(waived, other), decisions={(KEY, "G4"): closed})
    value = values(held)["K-R06"]
    assert (value.value, value.light) == (0, Light.GREEN)
    assert value.detail.en == "2 in force, 45 weighted days"  # a high tier weighs three: 3 x 10 + 3 x 5
    later = values(replace(held, now=NOW + timedelta(days=3)))["K-R06"]
    assert (later.value, later.light) == (1, Light.RED)  # performance does not close the gate
    mended = replace(held, now=NOW + timedelta(days=3), decisions={(KEY, "G4"): factories.decision(blocks=False)})
    assert values(mended)["K-R06"].value == 0


def test_a_renewed_waiver_is_not_overdue_and_an_ended_request_never_was_one() -> None:
    asked = NOW - timedelta(days=40)
    ended = Waiver(
        "W-1", KEY, "G4", "bias", "why", "by hand", "tanaka", asked, (NOW - timedelta(days=9)).date(),
        WaiverState.ACTIVE, "sato", asked,
    )  # fmt: skip
    open_ = factories.decision(blocks=False)  # the renewal lets it pass
    renewed = replace(ended, id="W-2", expires_on=(NOW + timedelta(days=9)).date(), renewal_of="W-1")
    at = replace(EMPTY, waivers=(ended, renewed), decisions={(KEY, "G4"): open_})
    assert values(at)["K-R06"].value == 0
    closed = factories.decision(reasons=(Reason("bias", Verdict.FAIL),))
    never = replace(ended, state=WaiverState.REQUESTED, decided_by=None, decided_at=None)
    assert values(replace(at, waivers=(never,), decisions={(KEY, "G4"): closed}))["K-R06"].value == 0


@pytest.mark.parametrize("verdict", [Verdict.ERROR, Verdict.NOT_RUN])
def test_what_could_not_be_measured_is_not_fresh_and_not_met(verdict: Verdict) -> None:
    found = values(company(verdict))
    assert found["K-Q02"].value == 0
    assert found["K-Q01"].value == 0


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_better_value_never_has_a_worse_light(one: float, other: float) -> None:
    order = (Light.RED, Light.AMBER, Light.GREEN)
    low, high = sorted((one, other))
    assert order.index(light(low, target("up"))) <= order.index(light(high, target("up")))
    down = target("down", 0.1, 0.5)
    assert order.index(light(low, down)) >= order.index(light(high, down))


@pytest.mark.parametrize("better", ["up", "down", "info"])
def test_unknown_is_grey_and_a_kpi_that_informs_has_no_light(better: str) -> None:
    assert light(None, target(better)) is Light.GREY
    assert light(1.0, target("info")) is Light.GREY
    assert light(1.0, target("up", None, None)) is Light.GREY
