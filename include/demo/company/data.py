# SPDX-License-Identifier: Apache-2.0
"""Reads the real public data sets as tables with row ids, labels and plain column names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import datasets
from statsmodels.datasets import ccard, randhie

from include.demo.company.terms import LABEL, ROW_ID

DATA = Path(__file__).resolve().parents[1] / "data"
YOUNG_UP_TO = 25


def german_credit() -> pd.DataFrame:
    """Read 1,000 loan applications; label 1 = good risk, the loan was repaid."""
    table = pd.read_csv(DATA / "german_credit.csv").rename(columns={"risk": LABEL})
    young = table["age"] <= YOUNG_UP_TO
    table["age_group"] = np.where(young, "25_or_under", "over_25")
    return _numbered(table)


def health_insurance() -> pd.DataFrame:
    """Read 20,190 person-years of RAND HIE; label 1 = saw a doctor in that year.

    `physlm` holds imputed fractions beside 0 and 1; anything above 0 counts as limited.
    """
    table = randhie.load_pandas().data
    table["physical_limitation"] = (table["physlm"] > 0).astype("int64")
    table[LABEL] = (table["mdvis"] > 0).astype("int64")
    for column in ("idp", "hlthg", "hlthf", "hlthp"):
        table[column] = table[column].astype("int64")
    return _numbered(table.drop(columns=["physlm", "mdvis"]))


def breast_cancer() -> pd.DataFrame:
    """Read 569 biopsies with 30 measurements; label 1 = malignant."""
    bunch = datasets.load_breast_cancer(as_frame=True)
    table = bunch.data.rename(columns=lambda name: name.replace(" ", "_"))
    return _numbered(table.assign(**{LABEL: 1 - bunch.target}))


def wine() -> pd.DataFrame:
    """Read 178 analyses of wine; label 1 = cultivar 0, the company's premium grade."""
    bunch = datasets.load_wine(as_frame=True)
    table = bunch.data.rename(columns=lambda name: name.replace("/", "_"))
    return _numbered(table.assign(**{LABEL: (bunch.target == 0).astype("int64")}))


def card_spending() -> pd.DataFrame:
    """Read 72 card holders; label 1 = spends more than the median holder."""
    table = ccard.load_pandas().data.rename(columns=str.lower)
    table[LABEL] = (table["avgexp"] > table["avgexp"].median()).astype("int64")
    table["home_owner"] = table["ownrent"].astype("int64")
    return _numbered(table[["age", "income", "home_owner", LABEL]])


def digits() -> pd.DataFrame:
    """Read 1,797 handwritten digits as 64 grey values; label = the digit."""
    bunch = datasets.load_digits(as_frame=True)
    return _numbered(bunch.data.assign(**{LABEL: bunch.target}))


def _numbered(table: pd.DataFrame) -> pd.DataFrame:
    table = table.reset_index(drop=True)
    table.insert(0, ROW_ID, np.arange(1, len(table) + 1))
    return table
