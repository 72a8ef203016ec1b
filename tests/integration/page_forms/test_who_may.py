# SPDX-License-Identifier: Apache-2.0
"""Who may send which form: by the host's roles, then by the seat; what is refused is recorded."""

from __future__ import annotations

from collections import Counter

import pytest

from governance.core.airflow_roles import ROLES
from governance.web.deeds import DEEDS
from tests.integration.browsing import (
    Company,
    Shown,
    waiver_form,
)
from tests.integration.page_forms.acts import (
    ASKED,
    FORMS,
    MAY,
    places,
)


def test_the_table_names_every_form_and_every_role() -> None:
    assert set(FORMS) == {deed.name for deed in DEEDS}
    assert set(MAY) == {role.name for role in ROLES} | {"Admin"}


@pytest.mark.parametrize("role", MAY)
def test_each_role_may_do_what_it_is_for_and_the_rest_is_refused_and_recorded(small: Company, role: str) -> None:
    named = places(small)
    who, allowed = f"sato/{role}", MAY[role]
    if role == "Model Owner":
        who = f"tanaka/{role}"
    for name, (path, typed) in FORMS.items():
        address = path.format(**named)
        before = small.told()
        looked = small.ask(address, who).status_code
        answer = small.post(address, who, typed)
        assert looked == (200 if name in allowed else 403), name
        assert answer.status_code == 403, name  # a form without its token, at best
        after = small.told()
        if name in allowed:
            assert after == before, name
            continue
        assert {kind: rows for kind, rows in after.items() if kind != "refusals"} == {
            kind: rows for kind, rows in before.items() if kind != "refusals"
        }
        (new,) = Counter(after["refusals"]) - Counter(before["refusals"])
        assert new[:2] == (name.replace("_", " "), who.partition("/")[0])
        assert "Airflow does not let them" in new[2]


@pytest.mark.parametrize("role", MAY)
def test_nobody_is_offered_what_they_may_not_do(small: Company, role: str) -> None:
    named = places(small)
    order_link, ask_link, answer_link = "/holds/new", "/waivers/new", "/approvals/new"
    who = f"sato/{role}"
    links = " ".join(
        link
        for path in ("/", "/oversight", f"/waivers/{named['waiver']}", f"/waivers/{named['granted']}",
                     f"/holds/{named['hold']}", "/use-cases/credit-scoring", "/models/credit-scoring/versions/2", "/models/credit-scoring/versions/3")
        for link in small.see(path, who).links
    )  # fmt: skip
    offered = {
        "ask_waiver": ask_link in links,
        "grant_waiver": "/grant" in links,
        "reject_waiver": "/reject" in links,
        "revoke_waiver": "/revoke" in links,
        "answer": answer_link in links,
        "answer_for_use_case": "/approvals/use-case" in links,
        "order_hold": order_link in links,
        "release_hold": "/release" in links,
    }
    assert {name for name, is_there in offered.items() if is_there} == MAY[role] - {"review_hold", "acknowledge"}


@pytest.mark.parametrize(
    ("form", "who", "why"),
    [
        ("grant_waiver", "tanaka/Admin", "does not hold the seat"),
        ("grant_waiver", "suzuki/Admin", "does not hold the seat"),
        ("grant_waiver", "stranger/Admin", "is nobody in people.yaml"),
        ("revoke_waiver", "suzuki/Admin", "may revoke it"),
        ("answer", "sato/Admin", "does not hold the seat risk"),
        ("order_hold", "tanaka/Admin", "holds none of the seats"),
        ("release_hold", "suzuki/Admin", "holds none of the seats"),
        ("review_hold", "sato/Admin", "whoever ordered it"),
        ("acknowledge", "suzuki/Admin", "does not hold the seat caio"),
    ],
)
def test_the_role_alone_does_not_do_without_the_seat(small: Company, form: str, who: str, why: str) -> None:
    path, typed = FORMS[form]
    answer = small.send(path.format(**places(small)), who, **typed)
    assert answer.status_code == 403
    assert why in answer.text
    shown = Shown(answer.text)
    assert {name: shown.fields[name] for name in typed} == typed
    assert small.refused()[-1][1] == who.partition("/")[0]


def test_a_host_that_says_nothing_of_writing_lets_nobody_write(small: Company) -> None:
    object.__setattr__(small.app.state.forms.access, "key", b"")
    assert small.ask(waiver_form(), "tanaka/Admin").status_code == 403
    assert small.post(waiver_form(), "tanaka/Admin", ASKED).status_code == 403
    assert small.told()["waivers"] == []
