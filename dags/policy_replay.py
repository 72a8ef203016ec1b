# SPDX-License-Identifier: Apache-2.0
"""### Policy replay

Takes the decisions of the last months again under a proposed policy, on the facts of their day, and lists those that
would differ. No data is read and nothing is recorded. Clause: 3.2-01a.
"""

from airflow.sdk import Param, dag, get_current_context, task

from governance.orchestration import DEFAULTS, runtime, task_errors

FORM = {
    "policy": Param("", type="string", title="ポリシーのディレクトリ / Directory of the proposed policy"),
    "months": Param(12, type="integer", minimum=1, maximum=120, title="月数 / Months back"),
}


@dag(schedule=None, doc_md=__doc__, params=FORM, tags=["governance", "gates"], **DEFAULTS)
def policy_replay() -> None:  # noqa: D103 - the module says it
    @task
    def replay() -> list[dict[str, object]]:
        from governance.steps import policy_replay as steps

        said = get_current_context()["params"]
        with task_errors():
            return steps.differing(runtime(), said["policy"], said["months"])

    replay()


policy_replay()
