# SPDX-License-Identifier: Apache-2.0
"""### Alias guard

Keeps protected aliases on versions that may hold them. `guard` reads MLflow, decides again what time or people have
changed (a waiver that ran out, a result that went stale), and takes an alias back from a version without a valid
decision (mode of gates.yaml). `promotable` and `promote` give it to candidates that were approved: only what our own
facts say counts. Facts: `alias_action`, `gate_decision`, `escalation`. Clauses: 3.2-01b, 3.3-06a, X-01.
"""

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, TriggerRule, dag, task

from governance.orchestration import DEFAULTS, INVENTORY, runtime, subject, task_errors

SCHEDULE = AssetOrTimeSchedule(timetable=CronTriggerTimetable("*/5 * * * *", timezone="UTC"), assets=[INVENTORY])


@dag(schedule=SCHEDULE, doc_md=__doc__, tags=["governance", "gates"], **DEFAULTS)
def alias_guard() -> None:  # noqa: D103 - the module says it
    @task
    def guard() -> dict[str, object]:
        from governance.steps import alias_guard as steps

        with task_errors():
            return steps.guard(runtime())

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def promotable() -> list[dict[str, str | int]]:
        from governance.steps import promotion

        with task_errors():
            return [{"model": key.model, "version": key.version} for key in promotion.promotable(runtime())]

    @task(map_index_template="{{ subject }}")
    def promote(model: str, version: int) -> str:
        from governance.steps import promotion

        with task_errors():
            return promotion.promote(runtime(), subject(model, version)).id

    ready = promotable()
    guard() >> ready
    promote.expand_kwargs(ready)


alias_guard()
