# SPDX-License-Identifier: Apache-2.0
"""### Committee pack.

Builds the steering committee's monthly pack in Japanese and English, some business days before it
meets. Trigger it with `period` (YYYY-MM) for any month; the current month gives an interim pack.
Building a past month again gives the same bytes.

Fact: `pack`. Clauses: RPT, CMT, 5.1-01b, 3.5-01a.
"""

from airflow.sdk import Param, dag, get_current_context, task

from governance.orchestration import DEFAULTS, committee_timetable, reported_month, runtime, task_errors


@dag(
    schedule=committee_timetable(),
    params={"period": Param(None, type=["null", "string"], pattern=r"^\d{4}-(0[1-9]|1[0-2])$", title="YYYY-MM")},
    doc_md=__doc__,
    tags=["governance", "reports"],
    **DEFAULTS,
)
def committee_pack() -> None:
    """Tell the committee how things stand, and ask it to decide."""

    @task
    def build() -> dict[str, str]:
        from governance.steps import committee_pack as steps

        with task_errors():
            return steps.build(runtime(), reported_month(get_current_context()))

    build()


committee_pack()
