# SPDX-License-Identifier: Apache-2.0
"""### KPI metrics.

Measures the KPIs that the policy sets targets for; what the facts cannot tell stays unknown (grey).

Fact: `kpi_value`. Clauses: KPI, 3.1-02b, 5.1-01d.
"""

from airflow.sdk import AssetOrTimeSchedule, dag, task

from governance.orchestration import DEFAULTS, RISKS, daily, runtime, task_errors


@dag(
    schedule=AssetOrTimeSchedule(timetable=daily(hour=7), assets=[RISKS]),
    doc_md=__doc__,
    tags=["governance", "kpis"],
    **DEFAULTS,
)
def kpi_metrics() -> None:
    """Keep the KPIs as the registers are."""

    @task
    def measure() -> int:
        from governance.steps import kpi_metrics as steps

        with task_errors():
            return steps.measure(runtime())

    measure()


kpi_metrics()
