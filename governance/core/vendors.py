# SPDX-License-Identifier: Apache-2.0
"""Whom a use case stands on: the vendors that the policy names, and those of declared AI systems (VND, 3.3-06)."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from governance.core.declared import DeclaredSystem
    from governance.policy import Policy


def key(name: str) -> str:
    """A vendor's name as names are compared: neither width, case nor spaces count."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def of_use_case(slug: str | None, policy: Policy, systems: Collection[DeclaredSystem]) -> frozenset[str]:
    """The keys of the vendors that a use case stands on; `systems` are those in use."""
    case = policy.use_cases.use_cases.get(slug) if slug else None
    if case is None:
        return frozenset()
    declared = (system.vendor for system in systems if system.use_case == slug and system.vendor)
    return frozenset(filter(None, map(key, (*case.vendors, *declared))))


def use_cases_on(vendor: str, policy: Policy, systems: Collection[DeclaredSystem]) -> tuple[str, ...]:
    """The use cases that stand on a vendor, by name."""
    wanted = key(vendor)
    return tuple(slug for slug in sorted(policy.use_cases.use_cases) if wanted in of_use_case(slug, policy, systems))


def spelling(name: str, policy: Policy, systems: Collection[DeclaredSystem]) -> str | None:
    """The vendor as the policy writes it, or as the list of declared systems does; None if neither knows it."""
    wanted = key(name)
    return next((written for written in _written(policy, systems) if wanted and key(written) == wanted), None)


def _written(policy: Policy, systems: Collection[DeclaredSystem]) -> Iterator[str]:
    for _slug, case in sorted(policy.use_cases.use_cases.items()):
        yield from case.vendors
    yield from sorted(system.vendor for system in systems if system.vendor)


def out_of_reach(
    vendor: str, policy: Policy, systems: Collection[DeclaredSystem], models: Collection[str]
) -> tuple[str, ...]:
    """Ids of a vendor's declared systems behind which no registered model serves: nothing in MLflow stops them."""
    cases, wanted = policy.use_cases.use_cases, key(vendor)
    mine = (system for system in systems if system.vendor and key(system.vendor) == wanted)
    return tuple(
        sorted(
            system.system
            for system in mine
            if not (system.use_case in cases and any(name in models for name in cases[system.use_case].models))
        )
    )
