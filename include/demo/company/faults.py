# SPDX-License-Identifier: Apache-2.0
"""Damages a copy of a table on purpose, in ways that happen, and says which.

The demo needs a table that its data checks must refuse. The three faults are injected here and
nowhere else; the model's predictions are made from the damaged rows, as they would be in life.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.demo.company.terms import ROW_ID

if TYPE_CHECKING:
    import pandas as pd

OTHER_UNIT = slice(100, 159)  # one laboratory's batch, 60 rows
NOT_RECORDED = slice(300, 323)  # a form field left empty, 24 rows
SENT_TWICE = slice(400, 411)  # ids numbered again by a second export, 12 rows
UNIT_FACTOR = 1000.0


def unclean(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table as it arrives after three mishaps.

    `mean_area` of a batch is in another unit (x 1,000), `worst_concavity` is missing in a
    block, and a block of rows carries the row ids of the block before it.
    """
    broken = table.copy()
    broken.loc[OTHER_UNIT, "mean_area"] *= UNIT_FACTOR
    broken.loc[NOT_RECORDED, "worst_concavity"] = float("nan")
    length = SENT_TWICE.stop - SENT_TWICE.start + 1
    broken.loc[SENT_TWICE, ROW_ID] -= length
    return broken
