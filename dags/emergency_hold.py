# SPDX-License-Identifier: Apache-2.0
"""### Emergency hold

The CAIO's veto, by a form. `place` closes every gate of the scope at once; `enforce` takes the protected aliases away
in MLflow and asks until MLflow itself says that they are gone, and the model's endpoint that it has stopped where
holds.yaml names one; then it records the proof with the seconds it took. Until the limit of holds.yaml, which counts
from the order, it goes on trying; then it escalates, and is retried. A drill takes the same path on a canary model
that no use case names. Facts: `hold`, `alias_action`, `escalation`. Clause: 3.3-06.
"""

from airflow.sdk import Param, dag, get_current_context, task

from governance.orchestration import DEFAULTS, runtime, task_errors, who_triggered

FORM = {
    "scope": Param("model", enum=["model", "version", "use_case", "vendor"], title="範囲 / Scope"),
    "target": Param("", type="string", title="対象 / Target: MODEL, MODEL/VERSION, use case, vendor"),
    "ground": Param(
        "safety", enum=["safety", "rights", "security", "legal", "quality", "other"], title="根拠 / Ground"
    ),
    "reason": Param("", type="string", title="理由 / Reason"),
    "hold": Param("", type="string", title="命令済みの停止 / Hold that is ordered already: H-..., to enforce it"),
    "drill": Param(default=False, type="boolean", title="訓練 / Drill (canary model only)"),
}


@dag(
    schedule=None,
    doc_md=__doc__,
    params=FORM,
    tags=["governance", "holds"],
    **{**DEFAULTS, "max_active_runs": 16},
)
def emergency_hold() -> None:  # noqa: D103 - the module says it
    @task
    def place() -> str:
        from governance.steps import emergency_hold as steps

        said, who = get_current_context()["params"], who_triggered()
        if said["hold"]:  # from a page, or to go on with it
            return str(said["hold"])
        with task_errors():
            order = steps.drill_order if said["drill"] else steps.place
            form = {name: said[name] for name in ("scope", "target", "ground", "reason")}
            return order(runtime(actor=who), **form, login=who, emergency=True).id

    @task(retries=5)
    def enforce(hold: str) -> dict[str, object]:
        from governance.steps import emergency_hold as steps

        with task_errors():
            return steps.enforced(runtime(), hold)

    enforce(place())  # type: ignore[arg-type]


emergency_hold()
