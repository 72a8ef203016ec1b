# SPDX-License-Identifier: Apache-2.0
"""### Model gate

Takes each version that is due to its gates: `check` measures, `decide` records, `gate` turns red
where a gate is closed and says why, one line per reason. `announce` tells the registers once.
Facts: `check_result`, `gate_decision`. Clauses: 3.2-01a, 3.2-01b, 3.3-07b.
"""

from typing import cast

from airflow.sdk import AssetOrTimeSchedule, TaskGroup, TriggerRule, dag, task, task_group

from governance.orchestration import DEFAULTS, GATES, INVENTORY, daily, require_open, runtime, subject, task_errors

LABEL = "{{ subject }}"
SCHEDULE = AssetOrTimeSchedule(timetable=daily(hour=6), assets=[INVENTORY])


@dag(schedule=SCHEDULE, doc_md=__doc__, tags=["governance", "gates"], **DEFAULTS)
def model_gate() -> None:  # noqa: D103 - the module says it
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

    @task(outlets=[GATES], trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS)
    def announce() -> None:
        """All decisions are recorded, red gates or not."""

    cast("TaskGroup", version.expand_kwargs(plan())).get_child_by_label("decide") >> announce()


model_gate()
