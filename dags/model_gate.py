# SPDX-License-Identifier: Apache-2.0
"""### Model gate.

Takes each model version that is due to its gates: measures the required checks, decides, and turns
red where a gate is closed. The red task's message says why, one line per reason.

`check` and `decide` record facts and stay green; `announce` tells the registers once; `gate` only
reports. Facts: `check_result`,
`gate_decision`. Clauses: 3.3-05, 3.3-07, X-03.
"""

from __future__ import annotations

from airflow.sdk import AssetOrTimeSchedule, TriggerRule, dag, task, task_group

from governance.orchestration import DEFAULTS, GATES, INVENTORY, daily, require_open, runtime, subject, task_errors

LABEL = "{{ subject }}"


@dag(
    schedule=AssetOrTimeSchedule(timetable=daily(hour=6), assets=[INVENTORY]),
    doc_md=__doc__,
    tags=["governance", "gates"],
    **DEFAULTS,
)
def model_gate() -> None:
    """Decide for every version at a gate whether it may go on."""

    @task
    def plan() -> list[dict[str, str | int]]:
        from governance.steps import model_gate as steps

        with task_errors():
            return steps.plan(runtime())

    @task_group
    def version(model: str, version: int) -> None:
        @task(map_index_template=LABEL)
        def check(model: str, version: int) -> list[str]:
            from governance.steps import model_gate as steps

            with task_errors():
                return steps.check(runtime(), subject(model, version))

        @task(map_index_template=LABEL, trigger_rule=TriggerRule.ALL_DONE)
        def decide(model: str, version: int) -> list[str]:
            from governance.steps import model_gate as steps

            with task_errors():
                return steps.decide(runtime(), subject(model, version))

        @task(map_index_template=LABEL)
        def gate(model: str, version: int) -> None:
            from governance.steps import model_gate as steps

            with task_errors():
                require_open(steps.blocked(runtime(), subject(model, version)))

        check(model, version) >> decide(model, version) >> gate(model, version)

    @task(outlets=[GATES], trigger_rule=TriggerRule.ALL_DONE)
    def announce() -> None:
        """Tell the registers once that all decisions are recorded, red gates or not."""

    versions = version.expand_kwargs(plan())
    versions.get_child_by_label("decide") >> announce()


model_gate()
