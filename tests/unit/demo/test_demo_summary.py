# SPDX-License-Identifier: Apache-2.0
"""The summary says what ran, what brought it about, and what the gates said."""

import json
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from include.demo import processes, report, story, summary
from include.demo.errors import DemoError
from include.demo.layout import Layout


def run(dag_id: str, state: str) -> dict[str, Any]:
    return {
        "dag_id": dag_id,
        "dag_run_id": f"run of {dag_id}",
        "run_type": "asset_triggered",
        "state": state,
        "start_date": "2026-11-23T23:50:09Z",
        "end_date": "2026-11-23T23:50:11.250000Z" if state in {"success", "failed"} else None,
    }


def test_a_run_keeps_the_assets_and_dags_that_brought_it_about() -> None:
    event = {"uri": "governance://gates/", "name": "gates", "source_dag_id": "model_gate"}
    assert summary.dag_run(run("risk_register", "success"), [event, event]) == {
        "dag_id": "risk_register",
        "run_id": "run of risk_register",
        "run_type": "asset_triggered",
        "state": "success",
        "seconds": 2.2,
        "triggered_by": ["governance://gates", "model_gate"],
    }


def test_a_run_that_goes_on_has_no_seconds() -> None:
    assert summary.dag_run(run("model_gate", "running"), [])["seconds"] is None


def test_a_failed_gate_run_counts_as_finished() -> None:
    runs = [run("model_gate", "failed"), run("risk_register", "queued")]
    assert summary.missing(runs, summary.DRIVEN) == ["use_case_gate", "risk_register", "kpi_metrics"]
    assert summary.unfinished(runs) == ["risk_register (queued)"]
    assert summary.states(runs) == "model_gate failed x1, risk_register queued x1"


@pytest.mark.parametrize("answer", [{}, ["x"], None])
def test_an_answer_of_the_cli_must_be_a_list_of_objects(answer: object) -> None:
    with pytest.raises(TypeError):
        summary.rows(answer)


def test_reasons_are_lines_whatever_their_shape() -> None:
    gate = {"reasons": ["stale", {"message": "bias: 0.61 < 0.80", "code": 7}]}
    assert summary.reasons(gate) == ["stale", "bias: 0.61 < 0.80"]
    assert summary.reasons({}) == []


def test_paths_of_a_pack_are_found_and_addresses_are_not() -> None:
    pack = {
        "files": [{"ja": "/x/pack.ja.pdf"}],
        "url": "http://127.0.0.1/x.pdf",
        "digest": "ab/cd",
        "period": "2026-11",
    }
    assert list(summary.paths([pack])) == ["/x/pack.ja.pdf"]


def test_the_summary_is_written_whole(tmp_path: Path) -> None:
    summary.write(tmp_path / "summary.json", {"gates": [{"subject": "与信"}]})
    assert json.loads((tmp_path / "summary.json").read_text(encoding="utf-8")) == {"gates": [{"subject": "与信"}]}
    assert [file.name for file in tmp_path.iterdir()] == ["summary.json"]


def test_the_pack_is_about_the_month_in_tokyo() -> None:
    assert story.period(datetime(2026, 10, 31, 15, 0, tzinfo=UTC)) == "2026-11"


def test_names_from_outside_are_text_and_not_markup() -> None:
    out = StringIO()
    content: dict[str, Any] = {
        "dag_runs": [summary.dag_run(run("model_gate", "failed"), [])],
        "gates": [{"subject": "[red]x[/red]", "gate": "G3", "verdict": "block", "reasons": ["[/oops]"]}],
        "packs": [{"path": "/x/[bold]pack.pdf"}],
        "findings": [],
    }
    report.show(Console(file=out, width=140), content, Layout())
    assert all(text in out.getvalue() for text in ("[red]x[/red]", "[/oops]", "/x/[bold]pack.pdf", "make up"))


def test_an_error_ends_with_its_log_and_its_remedy(tmp_path: Path) -> None:
    error = DemoError("it broke", hint="mend it", log=tmp_path / "x.log", detail="line 1\nline 2")
    assert error.lines() == [
        "error: it broke",
        "  | line 1",
        "  | line 2",
        f"log:   {tmp_path}/x.log",
        "hint:  mend it",
    ]


def test_a_stage_is_timed_and_announced() -> None:
    out = StringIO()
    stages = report.Stages(Console(file=out))
    with stages("seed"):
        pass
    assert stages.seconds["seed"] < 1
    assert "ok  seed" in out.getvalue()


def test_what_a_task_complained_of_is_read_from_its_log(tmp_path: Path) -> None:
    log = tmp_path / "attempt=1.log"
    lines = ["not json", "[]", '{"event": "x"}', '{"error_detail": [{"exc_type": "SourceError", "exc_value": "down"}]}']
    log.write_text("\n".join(lines), encoding="utf-8")
    assert processes.complaints(log) == "SourceError: down"
    assert processes.complaints(tmp_path) == ""
