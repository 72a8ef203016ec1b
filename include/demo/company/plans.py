# SPDX-License-Identifier: Apache-2.0
"""Lists every version the company registers, in order, with its alias."""

from __future__ import annotations

from include.demo.company import probes, tabular
from include.demo.company.terms import Plan, Sensitive

SEX = Sensitive("sex", at_risk="female", reference="male")
AGE = Sensitive("age_group", at_risk="25_or_under", reference="over_25")
LIMITATION = Sensitive("physical_limitation", at_risk=1, reference=0)
HOME = Sensitive("home_owner", at_risk=0, reference=1)

PLANS = (
    Plan("credit-scoring", 1, tabular.credit_fair, "champion", (SEX, AGE)),
    Plan("credit-scoring", 2, tabular.credit_unfair, "candidate", (SEX, AGE)),
    Plan(
        "health-support",
        1,
        tabular.health,
        "candidate",
        (LIMITATION,),
        in_warehouse=True,
    ),
    Plan("diagnosis-support", 1, tabular.diagnosis_clean, "champion"),
    Plan("diagnosis-support", 2, tabular.diagnosis_broken, "candidate"),
    Plan("product-quality", 1, tabular.product_quality, "candidate"),
    Plan("card-offer", 1, tabular.card_offer, "candidate", (HOME,)),
    Plan("helpdesk-assistant", 1, probes.helpdesk, "champion"),
    Plan("form-reader", 1, tabular.form_reader, "champion", evaluated=False),
    Plan("churn-experiment", 1, tabular.churn, evaluated=False),
)
