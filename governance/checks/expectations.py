# SPDX-License-Identifier: Apache-2.0
"""The only place that imports Great Expectations: quiet, in memory, no telemetry, nothing written."""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from governance.checks.suites import Rule, Suite

_RUNS_SQL: Final = frozenset(
    {
        "expect_query_results_to_match_comparison",
        "expect_table_row_count_to_equal_other_table",
        "unexpected_rows_expectation",
    }
)
"""Expectations whose arguments are SQL or name other tables: a suite is data, it does not choose what is read."""

RESULT_FORMAT: Final = {"result_format": "BASIC", "partial_unexpected_count": 0}
"""Counts only: offending values are people's data and stay where they are."""


def build(suite: Suite, positions: Sequence[int] | None = None) -> list[Any]:
    """One configured expectation per rule, or per rule at `positions`.

    Raises:
        PolicyError: a type or an argument that Great Expectations does not have.
    """
    known = _built_in()
    places = range(len(suite.rules)) if positions is None else positions
    return [_build(suite, place, suite.rules[place], known) for place in places]


def run(batch: Any, expectations: Sequence[Any]) -> list[Mapping[str, Any]]:  # noqa: ANN401 - see EvaluationTable.batch
    """Validate; one JSON-like result per expectation, in the same order.

    Args:
        batch: a pandas DataFrame, or (engine, schema, table, where) for rows that stay in their database.
        expectations: from `build`.
    """
    with _engine(batch) as (engine, data), warnings.catch_warnings():
        # pandas warns that GX does not use the groups of a pattern; a suite may well have them.
        warnings.filterwarnings("ignore", message="This pattern is interpreted as a regular expression")
        results = _validator(engine, data).graph_validate(
            [expectation.configuration for expectation in expectations],
            runtime_configuration={"result_format": RESULT_FORMAT, "catch_exceptions": True},
        )
    # Great Expectations sorts expectations that raised to the front.
    by_position = {result.expectation_config.meta["position"]: result.to_json_dict() for result in results}
    return [by_position[expectation.meta["position"]] for expectation in expectations]


def _build(suite: Suite, position: int, rule: Rule, known: Mapping[str, Any]) -> Any:  # noqa: ANN401 - GX classes are generated
    if rule.type not in known:
        what = (
            "runs SQL of its own, which a suite may not"
            if rule.type in _RUNS_SQL
            else "is not an expectation that Great Expectations ships"
        )
        raise suite.problem(position, "type", what=f"{rule.type} {what}")
    try:
        return known[rule.type](**rule.kwargs, meta={"position": position})
    except (ValueError, TypeError) as error:  # pydantic v1 errors are ValueErrors
        first = error.errors()[0] if hasattr(error, "errors") else {"loc": (), "msg": "these arguments do not fit"}
        where = [part for part in first["loc"] if part != "__root__"]
        raise suite.problem(position, "kwargs", *where, what=f"{first['msg']} ({rule.type})") from error


def _built_in() -> dict[str, Any]:
    _great_expectations()
    from great_expectations import expectations

    classes = [
        getattr(expectations, name) for name in dir(expectations) if name.startswith("Expect") and name != "Expectation"
    ]
    return {kind.expectation_type: kind for kind in classes if kind.expectation_type not in _RUNS_SQL}


def _great_expectations() -> Any:  # noqa: ANN401 - a module without types
    # Airflow configures logging first, and then GX tells 200 lines about its documentation.
    logging.getLogger("great_expectations._docs_decorators").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        # GX imports `sre_constants`, deprecated since Python 3.11; theirs to mend.
        warnings.filterwarnings("ignore", message="module 'sre_", category=DeprecationWarning)
        import great_expectations
    return great_expectations


@contextmanager
def _engine(batch: Any) -> Generator[tuple[Any, Any]]:  # noqa: ANN401 - see EvaluationTable.batch
    if not isinstance(batch, tuple):
        yield _pandas(batch)
        return
    engine, data = _sql(*batch)
    try:
        yield engine, data
    finally:
        engine.close()


def _pandas(frame: Any) -> tuple[Any, Any]:  # noqa: ANN401 - a DataFrame
    from great_expectations.execution_engine.pandas_batch_data import PandasBatchData
    from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine

    engine = PandasExecutionEngine()
    return engine, PandasBatchData(execution_engine=engine, dataframe=frame)


def _sql(source: Any, schema: str | None, table: str, where: Any) -> tuple[Any, Any]:  # noqa: ANN401 - an Engine and a SQL expression
    import sqlalchemy  # noqa: PLC0415
    from great_expectations.execution_engine.sqlalchemy_batch_data import SqlAlchemyBatchData
    from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine

    rows: sqlalchemy.Select[Any] = sqlalchemy.select(sqlalchemy.literal_column("*")).select_from(
        sqlalchemy.table(table, schema=schema)
    )
    if where is not None:
        rows = rows.where(where)
    # No temporary table: governance reads, it does not write.
    engine = SqlAlchemyExecutionEngine(engine=source, create_temp_table=False)
    return engine, SqlAlchemyBatchData(
        engine, selectable=rows, create_temp_table=False, source_table_name=table, source_schema_name=schema
    )


def _validator(engine: Any, data: Any) -> Any:  # noqa: ANN401 - GX types
    from great_expectations.core.batch import Batch
    from great_expectations.validator.validator import Validator

    context = _great_expectations().get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    return Validator(execution_engine=engine, batches=[Batch(data=data)], data_context=context)
