# SPDX-License-Identifier: Apache-2.0
"""Judges a model on rows it has not learnt from, and says what it looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.inspection import permutation_importance
from sklearn.metrics import accuracy_score, brier_score_loss, f1_score, precision_score, recall_score, roc_auc_score
from sklearn.model_selection import BaseCrossValidator, KFold, StratifiedKFold

from include.demo.company.terms import LABEL, PREDICTION, SCORE, SEED, Built

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

FOLDS = 5
EXPLAINED_ROWS = 500


def judged(
    estimator: BaseEstimator,
    table: pd.DataFrame,
    features: Sequence[str],
    *,
    in_order: bool = False,
    seen: pd.DataFrame | None = None,
) -> Built:
    """Fit on every row, and judge each row by a copy that has not seen it.

    Args:
        estimator: The unfitted model, its cut-off inside.
        table: Rows with a label.
        features: The columns the model may read.
        in_order: Cut folds without shuffling, so that neighbouring rows (the years of one
            person) stay on one side.
        seen: The rows as they reach evaluation, when a fault changed them on the way.
    """
    rows = table if seen is None else seen
    evaluation = out_of_fold(estimator, table, rows, features, in_order=in_order)
    fitted = clone(estimator).fit(table[list(features)], table[LABEL])
    return Built(
        estimator=fitted,
        features=tuple(features),
        training=table,
        evaluation=evaluation,
        metrics=metrics(evaluation),
        params=params(estimator, features, in_order=in_order),
        importance=importance(fitted, table, features),
    )


def out_of_fold(
    estimator: BaseEstimator,
    table: pd.DataFrame,
    rows: pd.DataFrame,
    features: Sequence[str],
    *,
    in_order: bool,
) -> pd.DataFrame:
    """Predict `rows` fold by fold with models trained on the other folds of `table`."""
    columns, label = list(features), table[LABEL]
    prediction = np.zeros(len(table), dtype="int64")
    score = np.zeros(len(table))
    for train, test in _folds(in_order=in_order).split(table, label):
        model = clone(estimator).fit(table[columns].iloc[train], label.iloc[train])
        unseen = rows[columns].iloc[test]
        prediction[test] = model.predict(unseen)
        score[test] = model.predict_proba(unseen)[:, 1]
    return rows.assign(**{PREDICTION: prediction, SCORE: score.round(6)})


def metrics(evaluation: pd.DataFrame) -> dict[str, float]:
    """Measure how good the predictions are, with the number of rows beside."""
    label, said = evaluation[LABEL], evaluation[PREDICTION]
    return {
        "auc": float(roc_auc_score(label, evaluation[SCORE])),
        "accuracy": float(accuracy_score(label, said)),
        "precision": float(precision_score(label, said)),
        "recall": float(recall_score(label, said)),
        "f1": float(f1_score(label, said)),
        "brier": float(brier_score_loss(label, evaluation[SCORE])),
        "selection_rate": float(said.mean()),
        "evaluation_rows": float(len(evaluation)),
    }


def params(estimator: BaseEstimator, features: Sequence[str], *, in_order: bool) -> dict[str, str]:
    """Record what decides the outcome, so that somebody else gets the same model."""
    inner = estimator.estimator
    kind = inner.steps[-1][1] if hasattr(inner, "steps") else inner
    return {
        "algorithm": type(kind).__name__,
        "cut_off": str(estimator.threshold),
        "features": ",".join(features),
        "folds": f"{FOLDS} {'in order' if in_order else 'stratified, shuffled'}",
        "seed": str(SEED),
    }


def importance(fitted: BaseEstimator, table: pd.DataFrame, features: Sequence[str]) -> dict[str, float]:
    """Say how much AUC is lost when a column is shuffled, on a spread of rows."""
    step = max(1, len(table) // EXPLAINED_ROWS)
    rows = table.iloc[::step]
    found = permutation_importance(
        fitted,
        rows[list(features)],
        rows[LABEL],
        scoring="roc_auc",
        n_repeats=3,
        random_state=SEED,
    )
    return {name: round(float(lost), 6) for name, lost in zip(features, found.importances_mean, strict=True)}


def _folds(*, in_order: bool) -> BaseCrossValidator:
    if in_order:
        return KFold(FOLDS)
    return StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
