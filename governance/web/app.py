# SPDX-License-Identifier: Apache-2.0
"""The pages that hang below /governance in Airflow's UI: they read facts, and never run a check or ask MLflow."""

from __future__ import annotations

import logging
import re
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import Depends, FastAPI, Path, Request
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.routing import Match

from governance.core.evidence import plain
from governance.core.exports import person
from governance.core.holds import Enforcement
from governance.core.terms import UseCaseKey, VersionKey
from governance.errors import GovernanceError, NotFoundError, PolicyError, SourceUnavailableError, StoreError
from governance.runtime import NOW, Asked
from governance.steps import (
    emergency_hold,
    evidence_bundle,
    gate_report,
    may_serve,
    people_said,
    use_case_gate,
    waiting,
    waiver_request,
)
from governance.steps import pages as steps
from governance.web import describe, hooks
from governance.web import edition as editions
from governance.web.edition import Edition, page
from governance.web.forms import Forms, in_language
from governance.web.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr

    from governance.core.terms import Subject
    from governance.runtime import Runtime
    from governance.web.access import Access, TaskRun
    from governance.web.forms import Viewer

GATE_DAGS: Final = frozenset({"model_gate", "use_case_gate"})
MOST_DIGITS: Final = 15
_LONG: Final = "private, max-age=86400"
STATIC: Final = (
    ("style.css", "text/css", _LONG),
    ("page.js", "text/javascript", _LONG),
    ("gate_report.js", "text/javascript", "no-store"),  # Airflow names it without a digest
)
_PREFIX: Final = "/webhooks/"
_FACT: Final = re.compile(r"[0-9a-f]{64}")
_log: Final = logging.getLogger(__name__)
Name = Annotated[str, Path(pattern=r"^[^\r\n]+$")]
"""In a path; routes end at a line's end."""


def build(
    access: Access, secret: SecretStr | None, hint: Callable[[], None], serving: Serving | None = None
) -> FastAPI:
    """The application to mount: the pages behind the host's login, and the one signed door.

    Args:
        access: the host's login, and what it knows of its tasks.
        secret: shared with MLflow; see `hooks.build`.
        hint: asks for a reading of MLflow.
        serving: what the process keeps; tests bring their own.
    """
    app = hooks.build(secret, hint)
    pages = _Pages(access, serving or Serving())
    behind = [Depends(access.page), Depends(pages.remember())]
    of_task = [Depends(access.task), *behind]
    see = partial(_hang, app, behind)
    for name, media, age in STATIC:
        see(f"/{name}", _static(name, media, age), kind=media)
    see("/openapi.json", pages.openapi(app), kind="application/json")
    see("/", pages.overview)
    see("/gates", pages.gates)
    see("/inventory", pages.inventory)
    see("/oversight", pages.oversight)
    app.get("/guard", dependencies=behind, response_class=JSONResponse, **describe.program("/guard"))(pages.guard)
    see("/models/{model:path}/versions/{version}", pages.version, 404)
    see("/models/{model:path}", pages.model, 404)
    see("/use-cases", pages.use_cases)
    see("/use-cases/{use_case}", pages.use_case, 404)
    see("/proofs/{fact}", pages.proof, 404, kind="text/plain")
    _hang(app, of_task, "/gate/{dag_id}/{run_id}/{task_id}/{map_index}", pages.task, 404)
    pages.forms.add_to(app)
    app.state.forms = pages.forms
    see("/waivers/{waiver}", pages.waiver, 404)
    see("/holds/{hold}", pages.hold, 404)
    describe.webhook(app)
    for kind in (GovernanceError, SQLAlchemyError, StarletteHTTPException, RequestValidationError):
        app.add_exception_handler(kind, pages.failed)
    # Last, so that an address or a method that is not ours does not answer without a login either.
    app.get("/{path:path}", dependencies=behind, include_in_schema=False)(_nothing(app))
    rest: Any = app.routes[-1]
    rest.methods = set()  # whatever the method
    return app


def _hang(
    app: FastAPI, behind: list[Any], path: str, show: Callable[..., Any], *codes: int, kind: str = "text/html"
) -> None:
    app.get(path, dependencies=behind, response_class=Response, **describe.a_page(path, *codes, kind=kind))(show)


def _nothing(app: FastAPI) -> Callable[..., None]:
    def nothing(request: Request) -> None:
        ours = [route for route in app.routes[:-1] if route.matches(request.scope)[0] is Match.PARTIAL]
        if ours:
            allowed = sorted({method for route in ours for method in getattr(route, "methods", ())})
            raise StarletteHTTPException(405, "Method Not Allowed", {"Allow": ", ".join(allowed)})
        raise StarletteHTTPException(404, "Not Found")

    return nothing


def _static(name: str, media: str, age: str) -> Callable[[], Response]:
    def static() -> Response:
        return Response(editions.static(name), media_type=media, headers=editions.HEADERS | {"Cache-Control": age})

    return static


class _Pages:
    """The routes, with what they share."""

    def __init__(self, access: Access, serving: Serving) -> None:
        self.access, self.serving = access, serving
        self.forms = Forms(access, serving, self._edition)

    def remember(self) -> Callable[..., None]:
        """Keep with the request who looks, for what a page offers them."""

        def remember(request: Request, user: Any = Depends(self.access.user)) -> None:  # noqa: ANN401, B008 - the host's
            request.state.person = user

        return remember

    def openapi(self, app: FastAPI) -> Callable[..., JSONResponse]:
        """What addresses there are, what they take and how they answer."""

        def openapi(request: Request) -> JSONResponse:
            root = request.scope.get("root_path", "").rstrip("/")
            return _told_program({**app.openapi(), "servers": [{"url": root or "/"}]}, 200)

        return openapi

    def overview(self, request: Request) -> HTMLResponse:
        """What is red, and what is asked of whoever looks."""
        ed, rt = self._edition(request), self.serving.runtime()
        viewer = self._viewer(request, rt)
        found = steps.overview(rt, self.serving.standing(), viewer.login)
        waits = waiting.on(rt, self.serving.standing(), viewer.person)
        cases = steps.held_back(rt)
        return page("overview.html.j2", ed, found=found, cases=cases, waits=waits, viewer=viewer, policy=rt.policy)

    def gates(self, request: Request) -> HTMLResponse:
        """Every version at a gate."""
        ed, query = self._edition(request), request.query_params
        state, rt = query.get("state", ""), self.serving.runtime()
        found = steps.gates(rt, self.serving.standing(), _number(query.get("page", "")), state)
        return page("gates.html.j2", ed, found=found, state=state)

    def use_cases(self, request: Request) -> HTMLResponse:
        """Every use case, and the gate that it stands at."""
        ed, number = self._edition(request), _number(request.query_params.get("page", ""))
        return page("use_cases.html.j2", ed, found=steps.use_cases(self.serving.runtime(), number))

    def inventory(self, request: Request) -> HTMLResponse:
        """Registered models and declared systems."""
        ed, query = self._edition(request), request.query_params
        wanted = plain(query.get("q", ""))[:200]
        models, systems = steps.inventory(self.serving.runtime(), wanted, _number(query.get("page", "")))
        return page("inventory.html.j2", ed, models=models, systems=systems, wanted=wanted)

    def oversight(self, request: Request) -> HTMLResponse:
        """Holds and waivers, live ones first."""
        ed = self._edition(request)
        rt = in_language(self.serving.runtime(), ed.language)
        holds, waivers = emergency_hold.listing(rt), waiver_request.listing(rt)
        may_order = self._viewer(request, rt).may("order_hold")
        return page("oversight.html.j2", ed, holds=holds, waivers=waivers, may_order=may_order)

    def waiver(self, request: Request, waiver: Name) -> HTMLResponse:
        """One waiver, and what whoever looks may do about it."""
        ed, rt = self._edition(request), self.serving.runtime()
        line = people_said.waiver(rt, plain(waiver))
        about, viewer = people_said.about_waiver(rt, line), self._viewer(request, rt)
        return page("waiver.html.j2", ed, line=line, about=about, viewer=viewer)

    def hold(self, request: Request, hold: Name) -> HTMLResponse:
        """One hold: how far it has come, and what whoever looks may do about it."""
        ed, rt = self._edition(request), self.serving.runtime()
        line = people_said.hold(rt, plain(hold))
        about, viewer = people_said.about_hold(rt, line), self._viewer(request, rt)
        run = self._run_of(hold) if line.state is Enforcement.UNPROVEN else None
        return page("hold.html.j2", ed, line=line, about=about, viewer=viewer, run=run)

    def _run_of(self, hold: str) -> str | None:
        """How far the host has come with a hold; nothing it fails at keeps the page from showing the facts."""
        try:
            return self.access.enforcing(hold)
        except Exception:  # noqa: BLE001 - the host's
            _log.exception("Airflow does not tell how far hold %s has come", hold)
            return None

    def _viewer(self, request: Request, rt: Runtime) -> Viewer:
        return self.forms.viewer(request.state.person, rt)

    def guard(self, request: Request) -> JSONResponse:
        """Whether a version may serve, for pipelines: `?model=NAME&alias=ALIAS` or `?model=NAME&version=N`."""
        query = {name: plain(text) for name, text in request.query_params.items()}
        model, version, alias = query.get("model", ""), _version(query.get("version", "")), query.get("alias")
        try:
            key, reasons = may_serve.check(self.serving.runtime(), model, version, alias)
        except NotFoundError as error:
            return _told_program({"open": False, "reasons": [str(error).splitlines()[0]]}, 404)
        said = {"model": key.model, "version": key.version, "open": not reasons, "reasons": reasons}
        return _told_program(said, 200)

    def model(self, request: Request, model: Name) -> HTMLResponse:
        """One model and its history."""
        ed, rt = self._edition(request), self.serving.runtime()
        return page("model.html.j2", ed, found=steps.model(rt, plain(model)))

    def use_case(self, request: Request, use_case: Name) -> HTMLResponse:
        """One use case at its gates."""
        return self._of_use_case(request, UseCaseKey(plain(use_case)))

    def _of_use_case(self, request: Request, key: UseCaseKey) -> HTMLResponse:
        ed, rt = self._edition(request), self.serving.runtime()
        reports = use_case_gate.read(rt, key)
        owner, viewer = person(reports[0].case.owner, rt.policy), self._viewer(request, rt)
        return page("use_case.html.j2", ed, key=key, reports=reports, owner=owner, viewer=viewer)

    def version(self, request: Request, model: Name, version: Name) -> HTMLResponse:
        """The gate report of a version."""
        number = _version(version)
        if number is None:
            raise NotFoundError(f"{model}: {version} is no version", hint="Versions are numbers, from 1 on.")
        return self._report(request, VersionKey(plain(model), number), NOW)

    def proof(self, fact: Name) -> Response:
        """A proof that a fact is in the sealed ledger, to keep and to verify offline."""
        if not _FACT.fullmatch(fact):
            raise NotFoundError("there is no such fact", hint="Facts are named by 64 hex digits.")
        content = evidence_bundle.prove(self.serving.runtime(), fact)
        name = {"Content-Disposition": f'attachment; filename="{fact[:16]}.tlog-proof"'}
        return Response(content, media_type="text/plain; charset=utf-8", headers={**editions.HEADERS, **name})

    def task(self, request: Request, dag_id: Name, run_id: Name, task_id: Name, map_index: Name) -> HTMLResponse:
        """The gate report of a task instance, as it stood when its run ended."""
        ed = self._edition(request)
        if dag_id not in GATE_DAGS:
            return page("no_result.html.j2", ed, dag_id=dag_id, keys=(), most=steps.MOST_EVENTS)
        # Of a task that is not mapped, the UI leaves the literal {MAP_INDEX}.
        index = int(map_index) if map_index.isascii() and map_index.isdigit() and len(map_index) < MOST_DIGITS else -1
        run = self.access.task_run(dag_id, run_id, task_id, index)
        key = parse_label(run.label) if run and run.label else None
        if isinstance(key, UseCaseKey):
            return self._of_use_case(request, key)
        if key is not None:
            return self._report(
                request, key, gate_report.of_run(self.serving.runtime(), key, run.ended_at if run else None)
            )
        return self._of_run(ed, f"{dag_id}/{run_id}", run, dag_id)

    def _of_run(self, ed: Edition, source: str, run: TaskRun | None, dag_id: str) -> HTMLResponse:
        """The task is about no single version, or Airflow forgot it: what its run recorded."""
        since, until = (run.started_at, run.ended_at) if run else (None, None)
        keys = steps.of_run(self.serving.runtime(), source, since, until)
        return page("no_result.html.j2", ed, dag_id=dag_id, keys=tuple(keys), most=steps.MOST_EVENTS)

    def _report(self, request: Request, key: VersionKey, asked: Asked) -> HTMLResponse:
        ed, rt = self._edition(request), self.serving.runtime()
        reports, copy = gate_report.read(rt, key, asked), gate_report.of_copy(rt, key, asked)
        past = asked.as_of is not None
        subject = f"{key} – {ed.tongue.say('ゲートレポート', 'gate report')}"
        mail = editions.mail(subject, ed.lasting(rt.settings.base_url, "models", key.model, "versions", key.version))
        viewer = None if past or copy else self._viewer(request, rt)  # nobody decides on a copy: on its origin
        told: dict[str, Any] = {"reports": reports, "copy": copy, "past": past, "mail": mail}
        return page("gate.html.j2", ed, key=key, viewer=viewer, **told)

    def _edition(self, request: Request) -> Edition:
        settings = self.serving.settings
        zone = ZoneInfo("UTC")
        try:
            zone = self.serving.runtime().zone
        except (GovernanceError, SQLAlchemyError):
            _log.debug("the page that says so is in UTC")
        return editions.edition(request, settings.language, zone)

    async def failed(self, request: Request, error: Exception) -> Response:
        """A page that says what is wrong and what to do, never a stack trace; programs get JSON."""
        if isinstance(error, StarletteHTTPException) and _is_hook(request):
            return await http_exception_handler(request, error)
        if isinstance(error, RequestValidationError) and _is_hook(request):
            return await request_validation_exception_handler(request, error)
        status, message, hint = told(error)
        if status >= HTTP_UNAVAILABLE:
            _log.warning("a page could not be shown: %s", message)
            self.serving.failed()
        ed = editions.edition(request, self.serving.settings.language, ZoneInfo("UTC"))
        headers = getattr(error, "headers", None) or {}
        answer = page("failed.html.j2", ed, status, code=status, message=message, hint=hint)
        answer.headers.update(headers)
        return answer


def _told_program(content: dict[str, Any], status: int) -> JSONResponse:
    return JSONResponse(content, status, headers=editions.HEADERS)


HTTP_UNAVAILABLE: Final = 503


def told(error: Exception) -> tuple[int, str, str]:
    """The status of an error's page, what happened and what to do."""
    if isinstance(error, SQLAlchemyError):
        return (
            HTTP_UNAVAILABLE,
            "the governance database did not answer",
            "Check GOVERNANCE_DATABASE_URL and that the server runs.",
        )
    if isinstance(error, GovernanceError):
        return _status(error), str(error).splitlines()[0], error.hint
    if isinstance(error, StarletteHTTPException):
        return error.status_code, str(error.detail), ""
    return 422, "the address is not one of ours", ""


def _status(error: GovernanceError) -> int:
    if isinstance(error, NotFoundError):
        return 404
    if isinstance(error, (StoreError, SourceUnavailableError, PolicyError)):
        return HTTP_UNAVAILABLE
    return 500


def _is_hook(request: Request) -> bool:
    root = request.scope.get("root_path", "")
    return str(request.url.path).removeprefix(root).startswith(_PREFIX)


def parse_label(label: str) -> Subject | None:
    """What a mapped task is called after: `credit-scoring v3` or `use_case loan-screening`."""
    use_case = label.removeprefix(f"{UseCaseKey('')}")
    if use_case not in {label, ""} and " " not in use_case:
        return UseCaseKey(use_case)
    model, between, number = label.rpartition(" v")
    version = _version(number)
    return VersionKey(model, version) if between and model and version is not None else None


def _version(text: str) -> int | None:
    is_number = text.isascii() and text.isdigit() and len(text) < MOST_DIGITS
    return int(text) if is_number and int(text) > 0 else None


def _number(text: str) -> int:
    """A page's number; nonsense is the first page."""
    return _version(text) or 1
