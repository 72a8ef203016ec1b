# SPDX-License-Identifier: Apache-2.0
"""What the company decided, as code: strict YAML in, one frozen `Policy` with a digest out."""

from governance.policy.base import Text
from governance.policy.bias import BiasLimits, Grouping
from governance.policy.checks import Check, Family
from governance.policy.drift import Drift
from governance.policy.evaluation import Evaluation, File, Logged, MetricFloor, Table
from governance.policy.gates import Approval, Asking, Bound, Gate, Gates, GateSubject, Mode
from governance.policy.inventory import Inventory
from governance.policy.load import OPTIONAL, SECTIONS, Policy, json_schema, load, load_section
from governance.policy.oversight import Endpoint, Holds, WaiverRule, Waivers
from governance.policy.sections import (
    Audience,
    Calendar,
    KpiTarget,
    Meeting,
    People,
    RiskRule,
    Risks,
    Tiers,
    UseCase,
)
from governance.policy.tiers import RiskTier

__all__ = [
    "OPTIONAL",
    "SECTIONS",
    "Approval",
    "Asking",
    "Audience",
    "BiasLimits",
    "Bound",
    "Calendar",
    "Check",
    "Drift",
    "Endpoint",
    "Evaluation",
    "Family",
    "File",
    "Gate",
    "GateSubject",
    "Gates",
    "Grouping",
    "Holds",
    "Inventory",
    "KpiTarget",
    "Logged",
    "Meeting",
    "MetricFloor",
    "Mode",
    "People",
    "Policy",
    "RiskRule",
    "RiskTier",
    "Risks",
    "Table",
    "Text",
    "Tiers",
    "UseCase",
    "WaiverRule",
    "Waivers",
    "json_schema",
    "load",
    "load_section",
]
