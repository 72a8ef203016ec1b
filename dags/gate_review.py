# SPDX-License-Identifier: Apache-2.0
"""### Gate review

Asks each seat that a gate waits for, one task per seat, with the decision, its reasons and the code of the facts
behind it. An answer is recorded by the task that receives it; what Airflow shows of it is no record. `report` tells
of tasks that ended as success without an answer. Who does not answer in time is asked again, then escalated.
Facts: `approval_request`, `approval`, `refusal`, `escalation`. Clauses: 3.2-01, 3.3-05, 5.2-01g.
"""

from dataclasses import asdict
from typing import Any

from airflow.sdk import AssetOrTimeSchedule, TriggerRule, dag, task

from governance.orchestration import DEFAULTS, GATES, daily, ended_as_success, runtime, task_errors
from governance.orchestration.asking import AGAIN, AskSeat

ABOUT = "{% if q.use_case %}use_case {{ q.use_case }}{% else %}{{ q.model }} v{{ q.version }}{% endif %}"
LABEL = "{% set q = task.question %}{{ q.gate }} " + ABOUT + " {{ q.seat }}"
SCHEDULE = AssetOrTimeSchedule(timetable=daily(hour=8), assets=[GATES])


@dag(
    schedule=SCHEDULE,
    doc_md=__doc__,
    tags=["governance", "gates"],
    **{**DEFAULTS, "max_active_runs": 16},
)
def gate_review() -> None:  # noqa: D103 - the module says it
    @task
    def questions() -> list[dict[str, Any]]:
        from governance.steps import gate_review as steps

        with task_errors():
            return [asdict(question) for question in steps.ask(runtime())]

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def report(asked: list[dict[str, Any]], told: list[str]) -> list[str]:
        from governance.steps import gate_review as steps

        with task_errors():
            ended = [steps.Question(**(asked or [])[index]) for index in ended_as_success("ask")]
            return steps.report_unanswered(runtime(), ended, list(told or []))

    asked: Any = questions()
    ask = AskSeat.partial(task_id="ask", map_index_template=LABEL, **AGAIN).expand(question=asked)
    report(asked, ask.output)  # type: ignore[arg-type]


gate_review()
