# SPDX-License-Identifier: Apache-2.0
"""### Use case gate

Takes each use case of use_cases.yaml to its gates (intake, case, data and build) and records what has changed since.
`gate` is red for each use case that is held back, and says why; whoever has to approve is asked by `gate_review`.
Facts: `use_case_decision`. Clauses: 3.2-01a, 3.2-01b, 5.2-01g.
"""

from airflow.sdk import dag, task

from governance.orchestration import DEFAULTS, GATES, daily, require_open, runtime, task_errors, use_case


@dag(schedule=daily(hour=6), doc_md=__doc__, tags=["governance", "gates"], **DEFAULTS)
def use_case_gate() -> None:  # noqa: D103 - the module says it
    @task(outlets=[GATES])
    def decide() -> list[str]:
        from governance.steps import use_case_gate as steps

        with task_errors():
            return steps.decide(runtime())

    @task(map_index_template="{{ subject }}")
    def gate(name: str) -> None:
        from governance.steps import use_case_gate as steps

        key = use_case(name)
        with task_errors():
            reasons = steps.blocked(runtime(), key)
        require_open(reasons)

    gate.expand(name=decide())


use_case_gate()
