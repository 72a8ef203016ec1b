# SPDX-License-Identifier: Apache-2.0
"""### Inventory sync.

Reads every registered model, version, alias, run and dataset input from MLflow and reconciles them
with the use cases of the policy. A reading that ends early changes nothing. A webhook of MLflow only makes it run sooner.

Fact: `registered_model`, `model_version`, `alias_event`, `inventory_sweep`. Clauses: INV, 3.3-02.
"""

from airflow.sdk import dag, task

from governance.orchestration import DEFAULTS, INVENTORY, hourly_or_hinted, runtime, task_errors


@dag(schedule=hourly_or_hinted(), doc_md=__doc__, tags=["governance", "inventory"], **DEFAULTS)
def inventory_sync() -> None:
    """Keep the inventory as MLflow is."""

    @task(outlets=[INVENTORY])
    def sync() -> str:
        from governance.steps import inventory_sync as steps

        with task_errors():
            return str(steps.sync(runtime())["id"])

    sync()


inventory_sync()
