# SPDX-License-Identifier: Apache-2.0
"""### Model gate

Takes each version that is due to its gates: `check` measures, `decide` records, several versions a task
where there are many. `gate` is red for each closed version and says why; `beyond` for those too many to map.
`announce` tells the registers once.
Facts: `check_result`, `gate_decision`. Clauses: 3.2-01a, 3.2-01b, 3.3-07b.
"""

from typing import Any

from airflow.sdk import AssetOrTimeSchedule, TriggerRule, dag, task, task_group

from governance.orchestration import DEFAULTS, GATES, INVENTORY, Batch, at_gates, daily, require_open, subject, subjects

LABEL = "{{ subject }}"
SCHEDULE = AssetOrTimeSchedule(timetable=daily(hour=6), assets=[INVENTORY])


@task_group
def version(batch: Batch) -> None:  # noqa: D103 - as below
    @task(map_index_template=LABEL)
    def check(batch: Batch) -> list[str]:
        return at_gates(lambda steps, rt, keys: steps.check(rt, keys), subjects(batch))

    @task(map_index_template=LABEL, trigger_rule=TriggerRule.ALL_DONE)
    def decide(batch: Batch) -> list[str]:
        return at_gates(lambda steps, rt, keys: steps.decide(rt, keys), subjects(batch))

    check(batch) >> decide(batch)


@dag(schedule=SCHEDULE, doc_md=__doc__, tags=["governance", "gates"], **DEFAULTS)
def model_gate() -> None:  # noqa: D103 - the module says it
    @task
    def plan() -> list[Batch]:
        return at_gates(lambda steps, rt: steps.plan(rt))

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def closed(planned: list[Batch]) -> list[dict[str, str | int]]:
        return at_gates(lambda steps, rt: steps.closed(rt, planned))

    @task(map_index_template=LABEL)
    def gate(model: str, version: int) -> None:
        require_open(at_gates(lambda steps, rt, key: steps.blocked(rt, key), subject(model, version)))

    @task(trigger_rule=TriggerRule.NONE_FAILED)
    def beyond(planned: list[Batch]) -> None:
        require_open(at_gates(lambda steps, rt: steps.beyond(rt, planned)))

    @task(outlets=[GATES], trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS)
    def announce() -> None:
        """All decisions are recorded, red gates or not."""

    planned: Any = plan()
    gate.expand_kwargs(shut := closed(planned))
    version.expand(batch=planned) >> [shut, beyond(planned), announce()]


model_gate()
