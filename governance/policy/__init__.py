# SPDX-License-Identifier: Apache-2.0
"""What the company decided, as code: strict YAML in, one frozen `Policy` with a digest out."""

from governance.policy.base import Text
from governance.policy.bias import BiasLimits, Grouping
from governance.policy.checks import Check, Family
from governance.policy.drift import Drift
from governance.policy.evaluation import Evaluation, File, Logged, MetricFloor, Table
from governance.policy.inventory import Inventory
from governance.policy.load import OPTIONAL, SECTIONS, Policy, json_schema, load, load_section
from governance.policy.sections import (
    Audience,
    Calendar,
    Gate,
    KpiTarget,
    Meeting,
    RiskRule,
    Risks,
    RiskTier,
    Tiers,
    UseCase,
)

__all__ = [
    "OPTIONAL",
    "SECTIONS",
    "Audience",
    "BiasLimits",
    "Calendar",
    "Check",
    "Drift",
    "Evaluation",
    "Family",
    "File",
    "Gate",
    "Grouping",
    "Inventory",
    "KpiTarget",
    "Logged",
    "Meeting",
    "MetricFloor",
    "Policy",
    "RiskRule",
    "RiskTier",
    "Risks",
    "Table",
    "Text",
    "Tiers",
    "UseCase",
    "json_schema",
    "load",
    "load_section",
]
