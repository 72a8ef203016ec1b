# SPDX-License-Identifier: Apache-2.0
"""### Waiver request

Asks, by a form, that a failed check may pass a gate until the end of a day, with something else in its place. Nothing
passes before the seat that the policy names has granted it: `governance waiver grant`. Facts: `waiver`, `refusal`.
Clause: X-01.
"""

from airflow.sdk import Param, dag, get_current_context, task

from governance.orchestration import DEFAULTS, runtime, subject, task_errors, who_triggered

FORM = {
    "model": Param("", type="string", title="モデル / Model"),
    "version": Param(1, type="integer", minimum=1, title="バージョン / Version"),
    "gate": Param("G4", type="string", title="ゲート / Gate"),
    "check": Param("", type="string", title="チェック / Check"),
    "reason": Param("", type="string", title="理由 / Reason"),
    "control": Param("", type="string", title="代替措置 / Compensating control"),
    "until": Param(None, type=["null", "string"], format="date", title="期限 (必須) / Last day (needed)"),
}


@dag(
    schedule=None,
    doc_md=__doc__,
    params=FORM,
    tags=["governance", "waivers"],
    **{**DEFAULTS, "max_active_runs": 16},
)
def waiver_request() -> None:  # noqa: D103 - the module says it
    @task(map_index_template="{{ subject }}")
    def request() -> str:
        from governance.steps import waiver_request as steps

        said, who = get_current_context()["params"], who_triggered()
        with task_errors():
            form = {name: said[name] for name in ("gate", "check", "reason", "control", "until")}
            return steps.request_from_form(
                runtime(actor=who), subject(said["model"], said["version"]), **form, login=who
            ).id

    request()


waiver_request()
