# SPDX-License-Identifier: Apache-2.0
"""The one operator of our own: it asks a seat, and records the answer in the task that receives it.

Airflow checks neither who answers nor what; our core does, and a refused answer leads to the question again. What
Airflow remembers of it is no record: see `steps.gate_review`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowException, AirflowSkipException

from governance.core.approvals import Answer
from governance.core.terms import Words
from governance.errors import RefusedError
from governance.orchestration import answer_patience, runtime, task_errors
from governance.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from governance.steps.gate_review import Question

AGAIN: Final = {"retries": 20, "retry_delay": timedelta(seconds=1), "retry_exponential_backoff": False}
"""How often and how soon a seat whose answer was refused is asked again; for `AskSeat.partial`."""
_REASON: Final = Words("理由 (5 文字以上。証跡として残る)", "Reason (at least 5 characters; kept as evidence)")


class AskSeat(HITLOperator):
    """Asks one seat about one decision, and records what it answers.

    A seat that has answered to these facts is not asked again, so that clearing the task loses nothing. An answer
    that is refused (wrong person, no reason) is recorded as such, and the question is put again. A question whose
    facts have changed is dropped: the seat is asked anew about the new ones.

    Args:
        question: a `Question` as a mapping, from XCom.
        options: as every operator's.
    """

    template_fields: Sequence[str] = ()

    def __init__(self, *, question: dict[str, Any], **options: Any) -> None:  # noqa: ANN401 - Airflow's
        reason = Param("", type="string", title=_REASON.in_(Settings().language))
        # The time to run is limited, the time to wait is the company's: Airflow would take one for the other.
        options |= {"execution_timeout": None, "response_timeout": answer_patience()}
        super().__init__(
            subject="approval", options=[each.value for each in Answer], params={"reason": reason}, **options
        )
        self.question = question

    def execute(self, context: Context) -> str:
        """Put the question, unless it is answered or out of date."""
        from governance.steps import gate_review

        rt, question = runtime(), gate_review.Question(**self.question)
        with task_errors():
            known = gate_review.answered(rt, question)
            if known is not None:
                return known
            try:
                self.body = gate_review.shown(rt, question)
            except RefusedError as error:
                raise AirflowSkipException(str(error)) from error
        self.subject = f"{question.gate} {question.key}: {question.seat}"
        super().execute(context)
        raise AirflowException("Airflow did not wait for the answer")

    def execute_complete(self, context: Context, event: dict[str, Any]) -> str:
        """Record the answer, in this task: what comes after reads it from our own records alone."""
        from governance.steps import gate_review

        del context
        question = gate_review.Question(**self.question)
        if "error" in event:
            raise AirflowSkipException(f"{question.seat} did not answer in time; it is asked again")
        who = event["responded_by_user"] or {"name": "nobody"}
        reason = str((event["params_input"] or {}).get("reason") or "")
        return _recorded(question, who["name"], event["chosen_options"][0], reason)


def _recorded(question: Question, login: str, said: str, reason: str) -> str:
    from governance.steps import gate_review

    rt = runtime(actor=login)
    with task_errors():
        try:
            return gate_review.answer(rt, question, login, said, reason)
        except RefusedError as error:
            if gate_review.is_outdated(rt, question):
                raise AirflowSkipException(str(error)) from error
            raise AirflowException(str(error)) from error  # asked again
