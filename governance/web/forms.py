# SPDX-License-Identifier: Apache-2.0
"""The forms of the pages: shown to whoever may, sent once, and taken through the same steps as shell and DAG forms."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode

from fastapi import Depends, HTTPException, Request, status
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.exc import SQLAlchemyError

from governance.core.evidence import plain
from governance.core.terms import NOTHING, Words
from governance.errors import (
    ConflictError,
    GovernanceError,
    NotFoundError,
    PolicyError,
    RefusedError,
    SourceUnavailableError,
    StoreError,
)
from governance.steps import oversight, sent
from governance.steps.people_said import Seen
from governance.web import describe, hooks, tokens
from governance.web.access import Access
from governance.web.deeds import BY_NAME, DEEDS, Deed, Field
from governance.web.edition import HEADERS, Edition, page
from governance.web.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI

    from governance.runtime import Runtime

MOST_FIELDS: Final = 30
_FORM: Final = "application/x-www-form-urlencoded"
_IN_ADDRESS: Final = "fixed"
_PATIENCE: Final = 20.0
_STALE: Final = Words(
    "フォームの有効期限が切れた。内容を確認して送り直す", "the form is too old; look at it and send it again"
)
_CODES: Final = {
    NotFoundError: status.HTTP_404_NOT_FOUND,
    ConflictError: status.HTTP_409_CONFLICT,
    PolicyError: status.HTTP_422_UNPROCESSABLE_CONTENT,
    RefusedError: status.HTTP_403_FORBIDDEN,
}
_HINTS: Final = {"The attempt is recorded": "この試みは記録された"}
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whoever looks: by what name the host knows them, who that is, and what the host lets them do."""

    login: str
    person: str | None
    may: Callable[[str], bool]
    """Name of a deed -> whether the host lets them."""

    def can(self, deed: str, who: tuple[str, ...]) -> bool:
        """Whether to offer a deed: the host lets them, and they are among those who may."""
        return self.person is not None and self.person in who and self.may(deed)


@dataclass(frozen=True, slots=True)
class Forms:
    """What the forms of one application share."""

    access: Access
    serving: Serving
    edition: Callable[[Request], Edition]
    turn: threading.Lock = field(default_factory=threading.Lock)
    """One form is taken at a time in a process, so that one sent twice is seen to be."""

    def add_to(self, app: FastAPI) -> None:
        """Hang every form in: to look at, and to send."""
        behind = [Depends(self.access.page)]
        for deed in DEEDS:
            add: Any = {"dependencies": behind, "response_class": HTMLResponse}
            app.get(deed.path, **add, **describe.shown(deed))(self._shown(deed))
            app.post(deed.path, **add, **describe.sent(deed))(self._sent(deed))

    def viewer(self, user: Any, rt: Runtime) -> Viewer:  # noqa: ANN401 - the host's
        """Who looks."""
        login = str(user.get_name())
        return Viewer(login, rt.policy.people.who(login), lambda deed: self.may(user, BY_NAME[deed]))

    def may(self, user: Any, deed: Deed) -> bool:  # noqa: ANN401 - the host's
        """Whether the host lets somebody do what a form is for; without a key, nobody."""
        return bool(self.access.key) and self.access.may(user, deed.needs)

    def _shown(self, deed: Deed) -> Callable[..., Response]:
        def shown(request: Request, user: Any = Depends(self.access.user)) -> Response:  # noqa: ANN401, B008 - the host's
            if not self.may(user, deed):
                raise HTTPException(status.HTTP_403_FORBIDDEN, f"you may not {deed.title.en.lower()}")
            told = self._of_address(deed, request)
            rt = self.serving.runtime()
            return self._page(request, deed, user, told, deed.see(rt, told))

        shown.__name__ = f"show_{deed.name}"
        return shown

    def _sent(self, deed: Deed) -> Callable[..., Any]:
        async def sent_(request: Request, user: Any = Depends(self.access.user)) -> Response:  # noqa: ANN401, B008 - the host's
            if tokens.is_foreign(request.headers, self.serving.settings.base_url):
                raise HTTPException(status.HTTP_403_FORBIDDEN, "this form was sent from another site")
            told = await _typed(request)
            return await run_in_threadpool(self._take, deed, request, user, told)

        sent_.__name__ = deed.name
        return sent_

    def _take(self, deed: Deed, request: Request, user: Any, typed: Mapping[str, str]) -> Response:  # noqa: ANN401 - the host's
        told, login = {**_known(deed, typed), **self._of_address(deed, request)}, str(user.get_name())
        if not self.may(user, deed):
            return self._not_let(deed, request, login, told)
        bound = tokens.Bound(login, _address(deed, told))
        nonce = tokens.nonce(self.access.key, typed.get("token", ""), bound, time.time())
        if nonce is None:
            return self._again(request, deed, user, told, status.HTTP_403_FORBIDDEN, {"": _STALE})
        if wrong := _wrong(deed, told):
            return self._again(request, deed, user, told, status.HTTP_422_UNPROCESSABLE_CONTENT, wrong)
        try:
            rt = self._in_name_of(request, login, f"page/{nonce}")
            deed.see(rt, told)  # what is about nothing is not found, and no attempt at anything
            done = self._once(deed, rt, told, login)
        except (GovernanceError, SQLAlchemyError) as error:
            return self._refused(request, deed, user, told, error)
        if deed.name == "order_hold":
            self._enforce(done, login)
        to = self.edition(request).link(*deed.done(told, done))
        return RedirectResponse(to, status.HTTP_303_SEE_OTHER, headers=HEADERS)

    def _in_name_of(self, request: Request, login: str, source: str) -> Runtime:
        """The runtime in which somebody's word is recorded, and answered in their language."""
        rt = in_language(self.serving.runtime(), self.edition(request).language)
        return replace(rt, actor=login, source=source)

    def _once(self, deed: Deed, rt: Runtime, told: Mapping[str, str], login: str) -> str:
        """Take the step, unless this very form was taken before."""
        if not self.turn.acquire(timeout=_PATIENCE):
            raise SourceUnavailableError("others are being served", hint="Send it again.")
        try:
            return sent.before(rt, tokens.LIFETIME) or deed.act(rt, told, login)
        finally:
            self.turn.release()

    def _enforce(self, hold: str, login: str) -> None:
        """Ask the host at once; MLflow itself is never asked from here."""
        try:
            self.access.enforce(hold, login)
        except Exception:  # noqa: BLE001 - the order stands, and the guard's next pass enforces it
            _log.exception("hold %s is ordered; its enforcement waits for the next pass of alias_guard", hold)

    def _not_let(self, deed: Deed, request: Request, login: str, told: Mapping[str, str]) -> Response:
        """Somebody whom the host does not let: recorded, at most once a minute for the same thing."""
        why = Words("Airflow の権限がない", f"Airflow does not let them {deed.needs.right} {deed.needs.dag}")
        about = " ".join(told[one.name] for one in deed.fields if one.kind == _IN_ADDRESS) or deed.name
        rt = self._in_name_of(request, login, "page")
        rt = replace(rt, source=f"page/{rt.clock():%Y-%m-%dT%H:%M}")
        try:
            oversight.refuse(rt, about, deed.name.replace("_", " "), login, why)
        except RefusedError as error:
            ed, message = self.edition(request), str(error).splitlines()[0]
            return page("failed.html.j2", ed, 403, code=403, message=message, hint=error.hint)

    def _refused(
        self,
        request: Request,
        deed: Deed,
        user: Any,  # noqa: ANN401 - the host's
        told: Mapping[str, str],
        error: GovernanceError | SQLAlchemyError,
    ) -> Response:
        if isinstance(error, NotFoundError) and any(one.kind == _IN_ADDRESS for one in deed.fields):
            raise error
        code, words = _told(error)
        if code >= status.HTTP_503_SERVICE_UNAVAILABLE:
            _log.warning("a form could not be taken: %s", words.en)
            self.serving.failed()
        elif isinstance(error, RefusedError):
            meanwhile = deed.is_outdated(self.serving.runtime(), told)
            code = status.HTTP_422_UNPROCESSABLE_CONTENT if deed.is_limited else status.HTTP_403_FORBIDDEN
            code, words = (status.HTTP_409_CONFLICT, words.then(meanwhile)) if meanwhile else (code, words)
        return self._again(request, deed, user, told, code, {"": words})

    def _again(
        self,
        request: Request,
        deed: Deed,
        user: Any,  # noqa: ANN401 - the host's
        told: Mapping[str, str],
        code: int,
        wrong: Mapping[str, Words],
    ) -> Response:
        """The form as it was typed, with what is wrong about it; of a database that is down, without the facts."""
        try:
            seen = deed.see(self.serving.runtime(), told)
        except (StoreError, SourceUnavailableError, SQLAlchemyError) as error:
            if isinstance(error, NotFoundError):
                raise
            seen = Seen()
        return self._page(request, deed, user, told, seen, code, wrong)

    def _page(
        self,
        request: Request,
        deed: Deed,
        user: Any,  # noqa: ANN401 - the host's
        told: Mapping[str, str],
        seen: Seen,
        code: int = 200,
        wrong: Mapping[str, Words] | None = None,
    ) -> Response:
        ed, address = self.edition(request), _address(deed, told)
        token = tokens.issue(self.access.key, tokens.Bound(str(user.get_name()), address), time.time())
        action = ed.root + address + ("&" if "?" in address else "?") * bool(ed.kept) + urlencode(ed.kept)
        values = {one.name: _value(one, told, seen) for one in deed.fields}
        asked = [one for one in deed.fields if one.kind != _IN_ADDRESS]
        content = {"deed": deed, "seen": seen, "asked": asked, "values": values, "wrong": wrong or {}}
        return page("form.html.j2", ed, code, action=action, token=token, **content)

    def _of_address(self, deed: Deed, request: Request) -> dict[str, str]:
        """What the address says it is about.

        Raises:
            NotFoundError: it does not say it, or nonsense.
        """
        sent_, found = {**request.query_params, **request.path_params}, {}
        for one in deed.fields:
            if one.kind == _IN_ADDRESS:
                text = plain(sent_.get(one.name, ""))
                if not text or len(text) > one.most or (one.pattern and not re.fullmatch(one.pattern, text)):
                    raise NotFoundError(f"no {one.label.en.lower()} of that name", hint="Follow a link from a page.")
                found[one.name] = text
            elif request.method == "GET" and one.kind in {"choice", "line"} and sent_.get(one.name):
                found[one.name] = plain(sent_[one.name])[: one.most]
        return found


def in_language(rt: Runtime, language: str) -> Runtime:
    """The runtime with its own words in the language of a page, whatever that of the settings is."""
    return replace(rt, settings=rt.settings.model_copy(update={"language": language}))


def _value(one: Field, told: Mapping[str, str], seen: Seen) -> str:
    """What stands in a field; what was shown is always what is shown now."""
    if one.kind == "shown":
        return seen.preset.get(one.name, "")
    return told.get(one.name) or seen.preset.get(one.name, "")


def _address(deed: Deed, told: Mapping[str, str]) -> str:
    """Where a form about just this thing is, below the root."""
    fixed = {one.name: told[one.name] for one in deed.fields if one.kind == _IN_ADDRESS}
    path = deed.path.format_map(fixed)
    query = {name: value for name, value in fixed.items() if f"{{{name}}}" not in deed.path}
    return f"{path}?{urlencode(query)}" if query else path


async def _typed(request: Request) -> dict[str, str]:
    """The fields of a form, as a browser sends them.

    Raises:
        HTTPException: it is no form, not UTF-8, or too much.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _FORM:
        raise HTTPException(status.HTTP_415_UNSUPPORTED_MEDIA_TYPE, f"send it as {_FORM}")
    body = await hooks.body(request, describe.MOST_BYTES)
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except (UnicodeError, ValueError) as error:
        raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, "this is no form") from error
    return {name: plain(value).replace("\r\n", "\n").strip() for name, value in pairs}


def _known(deed: Deed, typed: Mapping[str, str]) -> dict[str, str]:
    return {one.name: typed.get(one.name, "") for one in deed.fields if one.kind != _IN_ADDRESS}


def _wrong(deed: Deed, told: Mapping[str, str]) -> dict[str, Words]:
    """What is wrong with what was typed, by field."""
    return {one.name: why for one in deed.fields if (why := _wrong_field(one, told[one.name]))}


def _wrong_field(one: Field, text: str) -> Words:
    if not text:
        return Words("入力が必要", "this is needed")
    if one.choices and text not in one.choices:
        return Words("選択肢にない", "this is none of the choices")
    if len(text) < one.least:
        return Words(f"{one.least} 文字以上", f"write at least {one.least} characters")
    if len(text) > one.most:
        return Words(f"{one.most} 文字まで (いま {len(text)} 文字)", f"at most {one.most} characters, not {len(text)}")
    if one.pattern and not re.fullmatch(one.pattern, text):
        is_day = one.kind == "day"
        return (
            Words("YYYY-MM-DD で書く", "write it as YYYY-MM-DD")
            if is_day
            else Words("値が正しくない", "this is no such value")
        )
    return NOTHING


def _told(error: Exception) -> tuple[int, Words]:
    """The status of an error, and what to say."""
    if isinstance(error, SQLAlchemyError):
        ja, en = (
            "データベースが応答しない。少し待って送り直す",
            "the governance database did not answer; wait and send it again",
        )
        return status.HTTP_503_SERVICE_UNAVAILABLE, Words(ja, en)
    code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), status.HTTP_503_SERVICE_UNAVAILABLE)
    message, *hints = (line.rstrip(".") for line in str(error).splitlines())
    return code, Words("。".join((message, *(_HINTS.get(one, one) for one in hints))), ". ".join((message, *hints)))
