# SPDX-License-Identifier: Apache-2.0
"""### Risk register.

Opens, keeps or closes one risk per open failure, scored by likelihood and impact as the policy says.

Fact: `risk_assessment`. Clauses: RSK, 3.3-01, 3.3-02b.
"""

from airflow.sdk import dag, task

from governance.orchestration import DEFAULTS, GATES, RISKS, runtime, task_errors


@dag(schedule=[GATES], doc_md=__doc__, tags=["governance", "risks"], **DEFAULTS)
def risk_register() -> None:
    """Keep the register as the gates are."""

    @task(outlets=[RISKS])
    def reassess() -> int:
        from governance.steps import risk_register as steps

        with task_errors():
            return steps.reassess(runtime())

    reassess()


risk_register()
