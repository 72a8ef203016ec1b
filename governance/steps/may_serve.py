# SPDX-License-Identifier: Apache-2.0
"""Whether a version may serve, told to whoever is about to let it: the facts alone are asked (3.2-01b).

A pipeline starts a process for this one question, so nothing is imported here that acts on the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.core.terms import VersionKey
from governance.errors import NotFoundError
from governance.steps import oversight

if TYPE_CHECKING:
    from governance.runtime import Runtime


def check(
    rt: Runtime, model: str, version: int | None = None, alias: str | None = None
) -> tuple[VersionKey, list[str]]:
    """Whether a version may serve, from the facts alone: MLflow is not asked.

    Of `alias` the version is the one that the last reading of MLflow saw; of a version without an alias, every gate
    that protects one has to be open.

    Returns:
        The version, and why it may not serve; empty if it may.

    Raises:
        NotFoundError: the inventory knows no such model, version or alias.
    """
    with rt.reading() as session:
        standing = oversight.read(session, rt.current(session), model)
    known = standing.models.get(model)
    number = version if version is not None else (known.aliases.get(alias or "") if known else None)
    if known is None or number is None:
        what = f"models:/{model}@{alias}" if alias else f"models:/{model}/{version}"
        raise NotFoundError(f"{what} is not in the inventory", hint="Run `governance sync`, or correct the name.")
    key = VersionKey(model, number)
    return key, [reason.en for reason in oversight.may_not_serve(rt, standing, key, alias)]
