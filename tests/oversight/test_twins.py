# SPDX-License-Identifier: Apache-2.0
"""Promotion into protected twins, against a real MLflow server: what serves there is judged by what it is a copy of."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from governance.core.alias_guard import ActionKind, ActionState
from governance.core.holds import HoldScope
from governance.core.inventory import FindingKind, governed, use_case_of
from governance.core.terms import GateVerdict, Verdict, VersionKey
from governance.errors import NotFoundError, RefusedError, SourceError, SourceUnavailableError
from governance.steps import (
    alias_guard,
    exports,
    hold_enforcement,
    listings,
    may_serve,
    model_gate,
    pages,
    position,
    promotion,
)
from governance.steps import emergency_hold as holds
from governance.store import oversight as facts
from tests.integration.releases import Release, release

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


TWINS = {"protected_prefix": "prod."}
JST = ZoneInfo("Asia/Tokyo")
STEPS = (
    "model-versions/get", "model-versions/search", "get-download-uri", "model-versions/create",
    "registered-models/get", "set-tag", "registered-models/alias",
)  # fmt: skip


@contextmanager
def deployment(home: Path, behind: str, **changes: Any) -> Iterator[Release]:
    """A release whose model has a twin; version 2 is approved, and what the model itself serves is as it was."""
    with release(home, behind, gates=TWINS, **changes) as there:
        there.register(0, twin(there))
        there.sync()
        there.approve(2)
        try:
            yield there
        finally:
            if exists(there):
                there.mlflow("DELETE", "registered-models/delete", name=twin(there))


@pytest.fixture
def there(tmp_path: Path, mlflow: str) -> Iterator[Release]:
    with deployment(tmp_path, mlflow) as found:
        yield found


def twin(there: Release) -> str:
    return f"prod.{there.model}"


def served(there: Release) -> int | None:
    return there.aliases(twin(there)).get("champion")


def exists(there: Release) -> bool:
    listed = there.mlflow("GET", "registered-models/search", filter=f"name = '{twin(there)}'")
    return bool(listed.get("registered_models"))


def copies(there: Release) -> list[dict[str, Any]]:
    """The twin's versions, oldest first."""
    found = there.mlflow("GET", "model-versions/search", filter=f"name = '{twin(there)}'").get("model_versions", [])
    return sorted(found, key=lambda version: int(version["version"]))


def actions(there: Release, *kinds: ActionKind) -> list[Any]:
    with there.rt.reading() as session:
        found = facts.actions(session, there.rt.current(session))
    return [action for action in found if action.kind in kinds or not kinds]


def escalated(there: Release) -> list[tuple[str, str]]:
    with there.rt.reading() as session:
        return [(e.rule, e.subject) for e in facts.escalations(session, there.rt.current(session))]


def findings(there: Release) -> list[tuple[FindingKind, str]]:
    with there.rt.reading() as session:
        found = position.read(session, there.rt.policy, there.rt.current(session)).findings
    return [(one.kind, one.subject) for one in found if there.model in one.subject]


def reasons(there: Release) -> list[str]:
    return may_serve.check(there.rt, twin(there), alias="champion")[1]


def put(there: Release, **more: Any) -> int:
    """Register a version of the twin by hand and let it serve."""
    told = {"name": twin(there), "source": "s3://models/smuggled", **more}
    number = int(there.mlflow("POST", "model-versions/create", **told)["model_version"]["version"])
    there.point("champion", number, twin(there))
    return number


def test_a_copy_of_the_approved_version_gets_the_alias_and_is_judged_by_its_origin(there: Release) -> None:
    assert promotion.promotable(there.rt) == [there.key(2)]
    done = promotion.promote(there.rt, there.key(2))
    assert (done.state, done.model, done.to_version) == (ActionState.DONE, twin(there), served(there))
    assert (done.proof["origin"], done.proof["copy"]) == (f"{there.model}/2", f"{twin(there)}/1")
    (copy,) = copies(there)
    decision = there.decision(2)
    assert copy["source"] == f"models:/{there.model}/2"
    assert {tag["key"]: tag["value"] for tag in copy["tags"]} == {
        "governance.copied_from": f"{there.model}/2",
        "governance.decision": decision.id,
        "governance.digest": decision.facts_digest,
    }
    # A pipeline may ask at once, before MLflow is read again; the model's own alias is left alone.
    assert reasons(there) == []
    assert there.aliases()["champion"] == 1
    assert promotion.promotable(there.rt) == []
    assert promotion.promote(there.rt, there.key(2)).id == done.id
    alias_guard.guard(there.rt)
    assert served(there) == 1
    assert len(copies(there)) == 1


def test_a_twin_is_neither_an_orphan_nor_ungoverned_nor_counted_nor_taken_to_gates(there: Release) -> None:
    with there.rt.reading() as session:
        before = position.read(session, there.rt.policy, there.rt.current(session))
    promotion.promote(there.rt, there.key(2))
    alias_guard.guard(there.rt)
    assert there.aliases() == {"candidate": 2}  # nobody approved version 1
    assert findings(there) == []
    with there.rt.reading() as session:
        now = position.read(session, there.rt.policy, there.rt.current(session))
    assert use_case_of(twin(there), there.rt.policy)[0] == "credit-scoring"
    gate = there.rt.policy.gates.gates["G4"]
    assert [v.key for m in now.models for v in governed(m, gate, there.rt.policy)] == [there.key(2)]
    assert [v.key for m in before.models for v in governed(m, gate, there.rt.policy)] == [there.key(1), there.key(2)]
    assert {row["model"] for row in model_gate.plan(there.rt)} <= {there.model}
    row = next(row for row in listings.inventory(there.rt) if row["model"] == twin(there))
    assert (row["kind"], row["use_case"], row["aliases"]) == ("twin", "credit-scoring", ["champion -> v1"])
    told = exports.inventory(there.rt, exports.TableFormat.JSON).decode()
    assert f'"{twin(there)}@champion"' in told
    assert f'"id": "{twin(there)}"' not in told
    rows = pages.standing(there.rt).rows
    assert [(one.key, one.aliases) for one, _ in rows] == [(there.key(2), ("candidate", "champion"))]


def test_what_serves_goes_on_being_measured_when_a_newer_candidate_comes(there: Release) -> None:
    promotion.promote(there.rt, there.key(2))
    known = pages.standing(there.rt)
    there.mlflow("POST", "model-versions/create", name=there.model, source="s3://models/third")
    there.point("candidate", 3)
    there.sync()
    assert {"model": there.model, "version": 2} in model_gate.plan(there.rt)
    assert there.key(2) in {one.key for one, _ in pages.standing(there.rt, known).rows}
    there.mlflow("DELETE", "registered-models/alias", name=twin(there), alias="champion")
    there.sync()
    assert {"model": there.model, "version": 2} not in model_gate.plan(there.rt)


def test_mlflow_failing_at_any_step_leaves_nothing_half_done(there: Release) -> None:
    for step in STEPS:
        there.line.broken = lambda _method, path, step=step: step in path
        with pytest.raises(SourceUnavailableError):
            promotion.promote(there.rt, there.key(2))
        newest = max(actions(there, ActionKind.COPY, ActionKind.PROMOTE), key=lambda action: action.at)
        assert newest.state is ActionState.FAILED
        assert served(there) is None
    there.line.broken = lambda _method, _path: False
    assert promotion.promote(there.rt, there.key(2)).state is ActionState.DONE
    alias_guard.guard(there.rt)
    assert (served(there), len(copies(there))) == (1, 1)


def test_a_copy_whose_answer_got_lost_is_found_again(there: Release) -> None:
    """MLflow made the copy, and the line broke before anybody heard of it."""
    looked = itertools.count()
    there.line.broken = lambda _method, path: "get-download-uri" in path and next(looked) > 0
    with pytest.raises(SourceUnavailableError):
        promotion.promote(there.rt, there.key(2))
    assert len(copies(there)) == 1
    assert [action.state for action in actions(there, ActionKind.COPY)] == [ActionState.FAILED]
    there.line.broken = lambda _method, _path: False
    assert promotion.promote(there.rt, there.key(2)).state is ActionState.DONE
    assert len(copies(there)) == 1


def test_two_promotions_at_once_settle_on_one_copy(there: Release) -> None:
    def promote_too(_method: str, path: str) -> None:
        if "model-versions/create" in path:
            there.line.before = None
            promotion.promote(there.rt, there.key(2))

    there.line.before = promote_too
    # One request of the first waits for the whole of the second.
    patient = there.rt.settings.model_copy(update={"mlflow_timeout_seconds": 60})
    assert promotion.promote(replace(there.rt, settings=patient), there.key(2)).state is ActionState.DONE
    assert (served(there), len(copies(there))) == (1, 2)
    assert reasons(there) == []


def test_a_version_deleted_in_between_is_not_copied(there: Release) -> None:
    there.mlflow("DELETE", "model-versions/delete", name=there.model, version="2")
    with pytest.raises(SourceError, match="404"):
        promotion.promote(there.rt, there.key(2))
    assert copies(there) == []
    assert [action.state for action in actions(there)] == [ActionState.FAILED]


def test_a_number_given_anew_is_not_taken_for_what_was_approved(there: Release) -> None:
    there.mlflow("DELETE", "registered-models/delete", name=there.model)
    there.register()
    with pytest.raises(SourceError, match="another version by now"):
        promotion.promote(there.rt, there.key(2))
    assert copies(there) == []


def test_a_twin_that_is_gone_or_never_was_is_named(there: Release) -> None:
    there.mlflow("DELETE", "registered-models/delete", name=twin(there))
    with pytest.raises(SourceError, match="404"):
        promotion.promote(there.rt, there.key(2))
    assert [action.state for action in actions(there)] == [ActionState.FAILED]
    for _ in range(2):
        there.sync()
    with pytest.raises(NotFoundError, match="Run `governance mlflow protect`"):
        promotion.promote(there.rt, there.key(2))


def test_somebody_who_moves_the_twins_alias_meanwhile_is_not_overwritten(there: Release) -> None:
    def move(_method: str, path: str) -> None:
        if "model-versions/create" in path:
            there.line.before = None
            put(there)

    there.line.before = move
    with pytest.raises(RefusedError, match="moved to v1 meanwhile"):
        promotion.promote(there.rt, there.key(2))
    assert [action.state for action in actions(there, ActionKind.PROMOTE)] == [ActionState.OVERTAKEN]
    assert served(there) == 1
    # It stands for nothing that anybody approved, so the guard takes it away.
    alias_guard.guard(there.rt)
    assert served(there) is None


def test_a_twins_own_version_is_promoted_by_its_origin_only(there: Release) -> None:
    promotion.promote(there.rt, there.key(2))
    there.point("candidate", 1, twin(there))
    there.sync()
    assert promotion.promotable(there.rt) == []
    with pytest.raises(RefusedError, match=f"promote the version of {there.model}"):
        promotion.promote(there.rt, VersionKey(twin(there), 1))


def test_a_twins_version_that_our_facts_do_not_confirm_may_not_serve(there: Release) -> None:
    promotion.promote(there.rt, there.key(2))
    tags = [{"key": "governance.copied_from", "value": f"{there.model}/2"}]
    forged: list[dict[str, Any]] = [{}, {"tags": tags}, {"tags": tags, "source": f"models:/{there.model}/2"}]
    for times, more in enumerate(forged, 1):
        number = put(there, **more)
        there.sync()
        assert (FindingKind.UNGOVERNED_CHAMPION, f"{twin(there)} v{number}") in findings(there)
        assert reasons(there) == [f"{twin(there)} v{number}: no copy that the gate made"]
        alias_guard.guard(there.rt)
        assert served(there) == 1
        alias_guard.guard(there.rt)
        assert escalated(there).count(("E-05", twin(there))) == times


def test_a_forged_tag_on_the_twin_is_no_copy_to_find_again(there: Release) -> None:
    tags = [{"key": "governance.copied_from", "value": f"{there.model}/2"}]
    told = {"name": twin(there), "tags": tags}
    there.mlflow("POST", "model-versions/create", source="s3://models/smuggled", **told)
    there.mlflow("POST", "model-versions/create", source=f"models:/{there.model}/1", **told)
    assert promotion.promote(there.rt, there.key(2)).to_version == 3


def test_tags_that_an_owner_wrote_in_our_name_do_not_get_into_the_twin(there: Release) -> None:
    for key in ("governance.copied_from", "governance.hold", "mlflow.prompt.is_prompt", "team"):
        there.mlflow("POST", "model-versions/set-tag", name=there.model, version="2", key=key, value="true")
    promotion.promote(there.rt, there.key(2))
    (copy,) = copies(there)
    assert {tag["key"] for tag in copy["tags"]} == {
        "governance.copied_from", "governance.decision", "governance.digest", "team",
    }  # fmt: skip


def test_a_twin_made_anew_and_a_tag_taken_off_break_the_tie(there: Release) -> None:
    promotion.promote(there.rt, there.key(2))
    there.mlflow("DELETE", "model-versions/delete-tag", name=twin(there), version="1", key="governance.copied_from")
    there.clock.pass_(days=2)  # a tag taken off shows with the next full reading
    there.sync()
    assert "not the copy of" in reasons(there)[0]
    there.mlflow("DELETE", "registered-models/delete", name=twin(there))
    there.register(0, twin(there))
    tags = [{"key": "governance.copied_from", "value": f"{there.model}/2"}]
    put(there, source=f"models:/{there.model}/2", tags=tags)
    there.sync()
    assert "not the copy of" in reasons(there)[0]
    alias_guard.guard(there.rt)
    assert served(there) is None


def test_an_origin_that_is_deleted_or_given_anew_takes_its_copy_out_of_service(there: Release) -> None:
    promotion.promote(there.rt, there.key(2))
    there.mlflow("DELETE", "registered-models/delete", name=there.model)
    there.register()
    there.sync()
    assert "another version than the one that was copied" in reasons(there)[0]
    there.mlflow("DELETE", "model-versions/delete", name=there.model, version="2")
    for _ in range(2):
        there.sync()
    assert "is gone" in reasons(there)[0]
    alias_guard.guard(there.rt)
    assert served(there) is None


def test_when_the_decision_of_its_origin_goes_the_last_valid_copy_serves_again(there: Release) -> None:
    there.approve(1)
    promotion.promote(there.rt, there.key(1), "champion")
    promotion.promote(there.rt, there.key(2), "champion")
    assert served(there) == 2
    there.measured(2, "bias", Verdict.FAIL)
    assert alias_guard.guard(there.rt)["acted"] == {"revert done": 1}
    assert served(there) == 1
    assert reasons(there) == []
    there.clock.ahead += timedelta(days=40)  # whatever was measured is stale by now
    alias_guard.guard(there.rt)
    assert served(there) is None
    assert ("E-04", f"{there.model} v1") in escalated(there)


def test_a_waiver_that_ends_takes_the_copy_of_its_version_out_of_service(there: Release) -> None:
    there.blocked()
    granted = there.grant(there.waive(3))
    there.approve(2)
    promotion.promote(there.rt, there.key(2))
    # A newer candidate comes; what serves through the twin is not let out of sight.
    there.mlflow("POST", "model-versions/create", name=there.model, source="s3://models/third")
    there.point("candidate", 3)
    midnight = datetime.combine(granted.expires_on + timedelta(days=1), time(), JST)
    there.clock.ahead = midnight - datetime.now(UTC) - timedelta(seconds=40)
    alias_guard.guard(there.rt)
    assert (there.decision(2).verdict, served(there), reasons(there)) == (GateVerdict.PASS, 1, [])
    there.clock.pass_(seconds=60)
    # A pipeline hears of it before any pass; a pass that MLflow does not answer closes the gate nevertheless.
    assert reasons(there) == ["G4 bias: seen"]
    there.line.broken = lambda _method, _path: True
    with pytest.raises(SourceError):
        alias_guard.guard(there.rt)
    assert there.decision(2).verdict is GateVerdict.BLOCK
    assert ("E-20", f"{there.model} v2") in escalated(there)
    assert served(there) == 1
    there.line.broken = lambda _method, _path: False
    assert alias_guard.guard(there.rt)["acted"] == {"revert done": 1}
    assert served(there) is None
    assert escalated(there).count(("E-05", twin(there))) == 1
    with pytest.raises(RefusedError, match="bias"):
        promotion.promote(there.rt, there.key(2))
    # Renewed and approved anew, the same copy serves again.
    renewed = there.grant(there.waive(2))
    assert renewed.renewal_of == granted.id
    there.approve(2)
    promotion.promote(there.rt, there.key(2))
    alias_guard.guard(there.rt)
    assert (served(there), len(copies(there)), reasons(there)) == (1, 1, [])


def test_a_protected_alias_on_the_model_itself_is_guarded_as_before(there: Release) -> None:
    there.approve(1)
    promotion.promote(there.rt, there.key(2))
    there.mlflow("POST", "model-versions/create", name=there.model, source="s3://models/third")
    there.point("champion", 3)
    alias_guard.guard(there.rt)
    assert (there.aliases()["champion"], served(there)) == (1, 1)


def test_a_hold_takes_the_alias_off_the_twin_as_well(there: Release) -> None:
    scopes = [
        (HoldScope.MODEL, there.model),
        (HoldScope.VERSION, f"{there.model}/2"),
        (HoldScope.USE_CASE, "credit-scoring"),
        (HoldScope.MODEL, twin(there)),
        (HoldScope.VERSION, f"{twin(there)}/1"),
    ]
    for scope, target in scopes:
        promotion.promote(there.rt, there.key(2))
        there.sync()
        placed = holds.place(there.rt, scope, target, ground="safety", reason="harm was reported", login="sato")
        assert any(placed.id in reason for reason in reasons(there))
        done = hold_enforcement.enforce(there.rt, placed.id)
        assert f"{twin(there)}@champion (v1)" in done.removed
        assert served(there) is None
        assert hold_enforcement.enforce(there.rt, placed.id) == done
        with pytest.raises(RefusedError, match="hold"):
            promotion.promote(there.rt, there.key(2))
        assert served(there) is None
        holds.release(there.rt, placed.id, conditions="mended", login="sato")


def test_a_hold_on_another_version_leaves_the_twin_alone_and_one_on_a_stranger_does_not(there: Release) -> None:
    promotion.promote(there.rt, there.key(2))
    order: dict[str, Any] = {"ground": "safety", "reason": "harm was reported", "login": "sato"}
    placed = holds.place(there.rt, HoldScope.VERSION, f"{there.model}/1", **order)
    hold_enforcement.enforce(there.rt, placed.id)
    assert served(there) == 1
    put(there)  # nobody knows what that is a copy of: it may be what is held
    hold_enforcement.enforce(there.rt, placed.id)
    assert served(there) is None


def test_the_guard_enforces_a_hold_that_comes_while_the_alias_is_on_the_twin(there: Release) -> None:
    promotion.promote(there.rt, there.key(2))
    order: dict[str, Any] = {"ground": "safety", "reason": "harm was reported", "login": "sato"}
    placed = holds.place(there.rt, HoldScope.VERSION, f"{there.model}/2", **order)
    alias_guard.guard(there.rt)
    (done,) = [a for a in actions(there, ActionKind.ENFORCE) if a.model == twin(there)]
    assert (done.state, done.ground) == (ActionState.DONE, placed.id)
    assert served(there) is None


def test_a_hold_that_comes_in_between_takes_the_promotion_back(there: Release) -> None:
    def order(method: str, path: str) -> None:
        if method == "POST" and path.endswith("registered-models/alias"):
            there.line.before = None
            holds.place(there.rt, HoldScope.MODEL, there.model, ground="safety", reason="harm", login="sato")

    there.line.before = order
    with pytest.raises(RefusedError, match="hold"):
        promotion.promote(there.rt, there.key(2))
    assert served(there) is None


def test_a_twin_of_what_no_use_case_names_is_an_orphan_like_any_other(there: Release) -> None:
    name = f"prod.stranger-of-{there.model}"
    there.register(1, name)
    there.point("champion", 1, name)
    there.sync()
    assert (FindingKind.ORPHAN, name) in findings(there)
    alias_guard.guard(there.rt)
    assert there.aliases(name) == {}
    there.mlflow("DELETE", "registered-models/delete", name=name)


def test_a_twin_without_an_alias_is_told(there: Release) -> None:
    with pytest.raises(NotFoundError, match="not in the inventory"):
        reasons(there)
