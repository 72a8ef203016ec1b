# SPDX-License-Identifier: Apache-2.0
"""Gates on use cases: what they decided, whom they asked, and what was answered."""

from __future__ import annotations

from governance.store.migrations.tables import INT, JSON, TEXT, current_view, fact_table, optional, required

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    told = [required(name, TEXT) for name in ("use_case", "gate", "tier", "verdict")]
    digests = [required(name, TEXT) for name in ("policy_digest", "facts_digest")]
    rest = [required("evidence", JSON), required("code_version", TEXT), optional("bound", JSON)]
    fact_table("use_case_decision", "use_case", [*told, required("reasons", JSON), *digests, *rest])
    current_view("use_case_decision", ["use_case", "gate"])
    series = ["use_case", "gate", "facts_digest", "seat"]
    asked = [required(name, TEXT) for name in series]
    fact_table("use_case_approval_request", "use_case", [*asked, required("times", INT)])
    current_view("use_case_approval_request", series)
    said = [required(name, TEXT) for name in (*series, "person", "answer", "reason")]
    fact_table("use_case_approval", "use_case", [*said, required("bound", JSON)])
    current_view("use_case_approval", series)
