# SPDX-License-Identifier: Apache-2.0
"""### Evidence seal.

Signs the ledger as it stands and publishes the signature outside the database; then compares the whole
ledger with its facts and with everything published before. A mismatch turns `verify` red and is mailed.

Fact: `signing_key`, `evidence_verification`. Clauses: RPT, 3.3-02, 5.1-01b.
"""

from airflow.sdk import dag, task

from governance.orchestration import DEFAULTS, runtime, task_errors


@dag(schedule="30 * * * *", doc_md=__doc__, tags=["governance", "evidence"], **DEFAULTS)
def evidence_seal() -> None:
    """Make it show when a fact is changed."""

    @task
    def seal() -> int:
        from governance.steps import evidence_seal as steps

        with task_errors():
            return steps.seal(runtime()).size

    @task(trigger_rule="all_done")
    def verify() -> int:
        from governance.steps import evidence_seal as steps

        with task_errors():
            return steps.verify_and_tell(runtime()).size

    seal() >> verify()


evidence_seal()
