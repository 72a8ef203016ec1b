# SPDX-License-Identifier: Apache-2.0
"""A company whose models have every kind of name and whose gates have every kind of result, for a browser to look at."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from pydantic import SecretStr

from governance.core import inventory
from governance.core.holds import Hold, HoldScope
from governance.core.terms import Finding, Observation, RegisteredModel, Verdict, VersionKey, Words
from governance.core.waivers import Waiver
from governance.runtime import Runtime
from governance.settings import Settings
from governance.steps import kpi_metrics, model_gate, risk_register, use_case_gate
from governance.store import database
from governance.store import inventory as inventory_facts
from governance.store import oversight as oversight_facts
from tests import factories
from tests.integration.test_gate_report import FIRST, SECOND, Clock, failed, later, measured, passed
from tests.integration.test_pages import RATIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from governance.policy import Policy
    from governance.web.access import TaskRun

HOSTILE: Final = (
    "<img src=x onerror=window.__pwned=1>",
    "\"quoted\" 'model'><script>window.__pwned=2</script>",
    "javascript:window.__pwned=3",
    "name-without-any-break-" * 11,
    "与信審査と途上与信のための機械学習モデル" * 6,
    "نموذج الائتمان\u202egnp",
    "what? #1 of 100% a&b=c+d %2e%2e",
    "../../etc/passwd",
)
"""Names that somebody gives a model to see what happens."""
PEOPLE: Final = {"name": {"ja": "javascript:window.__pwned=4", "en": "<b onclick=window.__pwned=5>"}, "email": "a?cc=b&<x>@sample.example"}  # fmt: skip
RUN: Final = "manual__2026-11-10T03:00:00+00:00 later"
"""A run id with signs that an address has to quote."""
TASK: Final = f"/gate/model_gate/{quote(RUN, safe='')}/gate"
PATHS: Final = (
    "/",
    "/gates",
    "/gates?state=blocked",
    "/inventory",
    "/inventory?q=nothing-of-that-name",
    "/oversight",
    "/models/credit-scoring",
    "/models/credit-scoring/versions/1",
    "/models/credit-scoring/versions/2",
    f"/models/{quote(HOSTILE[0], safe='')}",
    f"/models/{quote(HOSTILE[3], safe='')}/versions/1",
    f"/models/{quote(HOSTILE[4], safe='')}/versions/1",
    f"{TASK}/0?bare=1",
    f"{TASK}/%7BMAP_INDEX%7D",
    "/waivers/W-1",
    "/waivers/W-1/grant",
    "/waivers/new?model=credit-scoring&version=2&gate=G4&check=performance",
    "/approvals/new?model=credit-scoring&version=2&gate=G4&seat=risk",
    "/use-cases",
    "/use-cases/credit-scoring",
    "/approvals/use-case?use_case=credit-scoring&gate=G0&seat=risk",
    "/holds/H-1",
    "/holds/H-1/review",
    "/holds/new",
    "/gate/another_dag/r1/t/0",
    "/models/nobody",
)
"""Each page, and each of its states."""


def policy() -> Policy:
    """One gate with a check of every family that has a picture; everybody's models are one use case's."""
    text = {"ja": "分布のずれ", "en": "Drift"}
    checks = {"drift": {"family": "drift", "name": text, "remedy": text}}
    gate = factories.with_one_gate().model_dump(mode="json")["gates"]["gates"]["G4"]
    gate["required_checks"]["high"] = [*factories.REQUIRED, "drift"]
    content = factories.policy(checks={"checks": checks}).model_dump(mode="json")
    cases = {code: content["gates"]["gates"][code] for code in ("G0", "G1")}
    content["gates"]["gates"] = cases | {"G4": gate}
    content["use_cases"]["use_cases"]["credit-scoring"] |= {
        "models": ["credit-scoring", *HOSTILE],
        "vendors": HOSTILE[:2],
    }
    content["people"]["people"]["tanaka"] |= PEOPLE
    return type(factories.shipped()).model_validate(content, strict=False)


def runtime(settings: Settings) -> Runtime:
    engine = database.connect(settings.database_url)
    database.require_current(engine)
    clock = Clock()
    clock.now += timedelta(days=2)
    return Runtime(settings, policy(), engine, clock, source=f"model_gate/{RUN}", code_version=lambda: "1.0")


def settings(home: Path) -> Settings:
    url = SecretStr(f"sqlite:///{home / 'governance.db'}")
    return Settings(database_url=url, evidence_url=str(home / "evidence"))


def filled(home: Path) -> Settings:
    """Make the database and record it all."""
    found = settings(home)
    engine = database.connect(found.database_url)
    database.upgrade(engine)
    engine.dispose()
    rt = replace(runtime(found), clock=Clock())
    _inventory(rt)
    passed(rt, FIRST)
    _scored(rt, FIRST, 0.79, Verdict.PASS)
    model_gate.decide(rt, FIRST)
    later(rt, days=1)
    failed(rt, SECOND)
    _scored(rt, SECOND, 0.66, Verdict.FAIL)
    for name in HOSTILE:
        key = VersionKey(name, 1)
        measured(
            rt, key, "bias", Finding(Verdict.FAIL, tuple(_slices(name)), 1000, Words(name, name), data_digest="c" * 64)
        )
    for key in (SECOND, *(VersionKey(name, 1) for name in HOSTILE)):
        model_gate.decide(rt, key)
    use_case_gate.decide(rt)
    _overseen(rt)
    risk_register.reassess(rt)
    kpi_metrics.measure(rt)
    rt.engine.dispose()
    return found


def _inventory(rt: Runtime) -> None:
    models = [factories.registered(name, aliases={"candidate": 1}) for name in HOSTILE]
    models += [
        RegisteredModel(f"filler-{number:03}", versions=(factories.version(f"filler-{number:03}"),))
        for number in range(60)
    ]
    models.append(factories.registered("credit-scoring", (1, 2), aliases={"champion": 1, "candidate": 2}))
    with rt.writing() as session:
        telling = rt.telling(session)
        changes = inventory.reconcile(inventory.Reading.whole(models), ())
        inventory_facts.record_changes(session, changes, {}, telling)
        inventory_facts.record_sweep(session, models, changes, (), telling)


def _scored(rt: Runtime, key: VersionKey, auc: float, verdict: Verdict) -> None:
    score = Observation("auc", "", auc, auc - 0.03, auc + 0.03, 0.7, ">=", 1000, verdict)
    measured(rt, key, "performance", Finding(verdict, (score,), 1000, data_digest="a" * 64))
    ratios = (
        RATIO,
        replace(RATIO, slice="age: under 25 vs over 25", value=0.9, low=0.84, high=0.97, verdict=Verdict.PASS),
    )
    is_good = verdict is Verdict.PASS
    cause = Words("年収の欠損が女性に偏っている", "income is missing for women more often")
    measured(
        rt, key, "bias", Finding(verdict, ratios[1:] if is_good else ratios, 1000, cause=cause, data_digest="a" * 64)
    )
    measured(rt, key, "documentation", Finding(Verdict.PASS, (), 0))


def _slices(name: str) -> Iterator[Observation]:
    yield replace(RATIO, slice=f"{name}: a vs b")
    yield replace(RATIO, slice="<svg onload=window.__pwned=6>: x vs y", value=0.7, low=0.6, high=0.79)


def _overseen(rt: Runtime) -> None:
    now = rt.clock()
    held = Hold("H-1", HoldScope.MODEL, HOSTILE[0], "safety", HOSTILE[1], "sato", now, is_emergency=True)
    end = (now + timedelta(days=3)).date()
    waived = Waiver("W-1", SECOND, "G4", "bias", "why", HOSTILE[3], "tanaka", now, end)
    with rt.writing() as session:
        telling = rt.telling(session)
        oversight_facts.record_hold(session, held, telling)
        oversight_facts.record_waiver(session, waived, telling)


def task_run(_dag_id: str, run_id: str, _task_id: str, map_index: int) -> TaskRun | None:
    """Index 0 is the red version, and then come the hostile names."""
    from governance.web.access import TaskRun

    names = ["credit-scoring v2", *(f"{name} v1" for name in HOSTILE)]
    if run_id != RUN:
        return None
    return TaskRun(names[map_index] if 0 <= map_index < len(names) else None, factories.NOW, None)
