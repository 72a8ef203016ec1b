# SPDX-License-Identifier: Apache-2.0
"""The company's models on tables: what each version learns from and where it cuts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.base import clone

from include.demo.company import data, estimators
from include.demo.company.faults import unclean
from include.demo.company.scoring import judged
from include.demo.company.terms import LABEL, ROW_ID, SEED, Built

if TYPE_CHECKING:
    import pandas as pd

MONEY = ("job", "credit_amount", "duration")
ACCOUNTS = ("saving_accounts", "checking_account", "purpose")


def credit_fair() -> Built:
    """Score credit without age, sex or housing (which stands for age), cut leniently."""
    model = estimators.linear(MONEY, ACCOUNTS, cut_off=0.4)
    return judged(model, data.german_credit(), MONEY + ACCOUNTS)


def credit_unfair() -> Built:
    """Score credit with everything, age and sex too, and cut strictly."""
    numeric = (*MONEY, "age")
    coded = (*ACCOUNTS, "housing", "sex")
    model = estimators.boosted(numeric, coded, cut_off=0.65)
    return judged(model, data.german_credit(), numeric + coded)


def health() -> Built:
    """Predict who will need a doctor, without the limitation itself."""
    table = data.health_insurance()
    features = _measured(table.drop(columns="physical_limitation"))
    model = estimators.histogram_boosted(cut_off=0.5)
    return judged(model, table, features, in_order=True)


def diagnosis_clean() -> Built:
    """Tell malignant from benign by a logistic regression on 30 measurements."""
    table = data.breast_cancer()
    return judged(estimators.linear(_measured(table)), table, _measured(table))


def diagnosis_broken() -> Built:
    """Tell them apart by boosted trees, judged on rows that arrived damaged."""
    table = data.breast_cancer()
    model = estimators.histogram_boosted(rounds=40)
    return judged(model, table, _measured(table), seen=unclean(table))


def product_quality() -> Built:
    """Tell the premium grade of wine from the rest."""
    table = data.wine()
    return judged(estimators.linear(_measured(table)), table, _measured(table))


def card_offer() -> Built:
    """Predict who spends more than the median, from age and income."""
    features = ("age", "income")
    model = estimators.linear(features, cut_off=0.4, c=1.0)
    return judged(model, data.card_spending(), features)


def form_reader() -> Built:
    """Read digits; nobody evaluated it, so it carries neither table nor metric."""
    return _only_fitted(data.digits(), estimators.linear_plain(c=0.1))


def churn() -> Built:
    """Guess who will not come back, from the first 2,000 rows of the health data."""
    table = data.health_insurance().head(2000)
    table = table.assign(**{LABEL: 1 - table[LABEL]})
    return _only_fitted(table, estimators.linear_plain(c=1.0))


def _only_fitted(table: pd.DataFrame, estimator: object) -> Built:
    features = _measured(table)
    fitted = clone(estimator).fit(table[list(features)], table[LABEL])
    known = {"algorithm": "LogisticRegression", "seed": str(SEED)}
    return Built(fitted, features, table, params=known)


def _measured(table: pd.DataFrame) -> tuple[str, ...]:
    return tuple(str(c) for c in table if c not in {ROW_ID, LABEL})
