# SPDX-License-Identifier: Apache-2.0
"""The kinds of model the company uses, each with its cut-off inside the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from include.demo.company.terms import SEED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sklearn.base import BaseEstimator


def linear(
    numeric: Sequence[str],
    categorical: Sequence[str] = (),
    *,
    cut_off: float = 0.5,
    c: float = 0.5,
) -> BaseEstimator:
    """Make a logistic regression that says 1 from `cut_off` upwards."""
    steps = _columns(StandardScaler(), numeric, categorical)
    return _cut(Pipeline([("columns", steps), ("model", _logistic(c))]), cut_off)


def boosted(numeric: Sequence[str], categorical: Sequence[str], *, cut_off: float) -> BaseEstimator:
    """Make eighty shallow trees that say 1 from `cut_off` upwards."""
    steps = _columns("passthrough", numeric, categorical)
    trees = GradientBoostingClassifier(n_estimators=80, max_depth=2, random_state=SEED)
    return _cut(Pipeline([("columns", steps), ("model", trees)]), cut_off)


def histogram_boosted(*, cut_off: float = 0.5, rounds: int = 60) -> BaseEstimator:
    """Make boosted trees for many rows; a missing value goes down a branch of its own."""
    trees = HistGradientBoostingClassifier(max_iter=rounds, early_stopping=False, random_state=SEED)
    return _cut(trees, cut_off)


def linear_plain(*, c: float) -> BaseEstimator:
    """Make a logistic regression with no cut-off of its own, for any number of classes."""
    return Pipeline([("scale", StandardScaler()), ("model", _logistic(c))])


def _columns(scale: BaseEstimator | str, numeric: Sequence[str], categorical: Sequence[str]) -> BaseEstimator:
    encode = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    parts = [("numeric", scale, list(numeric)), ("coded", encode, list(categorical))]
    return ColumnTransformer(parts)


def _logistic(c: float) -> BaseEstimator:
    return LogisticRegression(C=c, max_iter=1000)


def _cut(estimator: BaseEstimator, cut_off: float) -> BaseEstimator:
    return FixedThresholdClassifier(estimator, threshold=cut_off, response_method="predict_proba")
