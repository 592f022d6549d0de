"""Errors of the API, as RFC 9457 problem details: a stable code, a title and what to do, in the reader's language."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from vigie_hub.api.language import language_of, marked
from vigie_shared.errors import StoreError
from vigie_shared.i18n import translations

MEDIA_TYPE: Final = "application/problem+json"


@dataclass(frozen=True)
class Code:
    """One kind of problem; `title` and `advice` are translated where they are shown."""

    status: HTTPStatus
    title: str
    advice: str


CODES: Final[dict[str, Code]] = {
    "sign-in-needed": Code(
        HTTPStatus.UNAUTHORIZED,
        marked("You are not signed in"),
        marked("Sign in on the page, or send a name and a password by HTTP Basic."),
    ),
    "wrong-password": Code(
        HTTPStatus.UNAUTHORIZED, marked("Name or password is wrong"), marked("Check both; capital letters count.")
    ),
    "too-many-attempts": Code(
        HTTPStatus.TOO_MANY_REQUESTS,
        marked("Too many attempts to sign in"),
        marked("Wait {seconds} s, then try again."),
    ),
    "too-many-requests": Code(
        HTTPStatus.TOO_MANY_REQUESTS, marked("Too many requests"), marked("Wait {seconds} s, then try again.")
    ),
    "suspended": Code(
        HTTPStatus.TOO_MANY_REQUESTS,
        marked("The hub keeps this agent out for now: it sent far too much"),
        marked("It is let in again in {seconds} s."),
    ),
    "not-admitted": Code(
        HTTPStatus.FORBIDDEN,
        marked("The hub does not know this code or key"),
        marked("A code counts once and for some hours; a revoked agent needs a new one: vigie hub enrol."),
    ),
    "foreign-origin": Code(
        HTTPStatus.FORBIDDEN,
        marked("This change was asked for by another site"),
        marked("Make changes from the hub's own page, or by a script with HTTP Basic."),
    ),
    "not-found": Code(HTTPStatus.NOT_FOUND, marked("There is nothing here"), marked("Check the address.")),
    "not-allowed": Code(
        HTTPStatus.METHOD_NOT_ALLOWED, marked("This address cannot do that"), marked("See the list of operations.")
    ),
    "no-such-alert": Code(
        HTTPStatus.NOT_FOUND, marked("There is no such alert"), marked("List the alerts to find its id.")
    ),
    "no-picture": Code(
        HTTPStatus.NOT_FOUND,
        marked("The picture has not arrived yet"),
        marked("It comes as soon as its agent can be reached."),
    ),
    "no-such-agent": Code(
        HTTPStatus.NOT_FOUND, marked("There is no such agent"), marked("List the agents to find its id.")
    ),
    "no-such-camera": Code(
        HTTPStatus.NOT_FOUND, marked("There is no such camera"), marked("List the agents to find its id.")
    ),
    "agent-away": Code(
        HTTPStatus.CONFLICT,
        marked("The agent cannot be reached now"),
        marked("Try again once it is online; clips that it sent before are here."),
    ),
    "no-way-to-agents": Code(
        HTTPStatus.SERVICE_UNAVAILABLE,
        marked("The hub has no way to its agents now"),
        marked("Try again; the hub's log says more."),
    ),
    "ticket-needed": Code(
        HTTPStatus.FORBIDDEN,
        marked("Looking needs a ticket"),
        marked("Say why you look: POST /api/v1/tickets gives one."),
    ),
    "ticket-unknown": Code(
        HTTPStatus.FORBIDDEN, marked("The hub gave out no such ticket"), marked("Ask for one: POST /api/v1/tickets.")
    ),
    "ticket-used": Code(
        HTTPStatus.FORBIDDEN, marked("This ticket has counted already"), marked("Ask for another for each view.")
    ),
    "ticket-expired": Code(
        HTTPStatus.FORBIDDEN, marked("This ticket is too old"), marked("Use a ticket within half a minute.")
    ),
    "ticket-of-another": Code(
        HTTPStatus.FORBIDDEN,
        marked("This ticket is for somebody else, or for something else"),
        marked("Tickets cannot be handed on. Ask for one of your own."),
    ),
    "too-many-viewers": Code(
        HTTPStatus.TOO_MANY_REQUESTS,
        marked("Too many views are open"),
        marked("Close some, or try again in {seconds} s."),
    ),
    "no-such-viewing": Code(
        HTTPStatus.NOT_FOUND, marked("There is no such view"), marked("It may have ended; begin another.")
    ),
    "no-h264": Code(
        HTTPStatus.NOT_ACCEPTABLE,
        marked("The offer wants no H.264 video"),
        marked("Offer to receive H.264; this hub sends what cameras record and nothing else."),
    ),
    "other-ice-session": Code(
        HTTPStatus.PRECONDITION_FAILED,
        marked("The ICE session is another one"),
        marked("Send the `etag` of the answer as `if-match`."),
    ),
    "no-ice-restart": Code(
        HTTPStatus.UNPROCESSABLE_ENTITY, marked("ICE is not restarted here"), marked("Begin another view instead.")
    ),
    "wrong-type": Code(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        marked("The request's content type is another than this address takes"),
        marked("Send {wanted}."),
    ),
    "no-such-clip": Code(
        HTTPStatus.NOT_FOUND, marked("There is no such clip"), marked("List the clips to find its id.")
    ),
    "not-pulled": Code(
        HTTPStatus.CONFLICT, marked("The clip is still at the edge"), marked("Ask for it first: POST {path}")
    ),
    "not-offered": Code(
        HTTPStatus.CONFLICT,
        marked("The agent does not offer this clip as “{quality}”"),
        marked("Ask for another quality: {offered}."),
    ),
    "moved": Code(HTTPStatus.CONFLICT, marked("This was moved or removed just now"), marked("Look at the clip again.")),
    "file-missing": Code(
        HTTPStatus.GONE,
        marked("The archive no longer holds this file"),
        marked("Tell the administrator: a verified file must not vanish."),
    ),
    "no-such-entry": Code(
        HTTPStatus.NOT_FOUND, marked("This plate is not on the hotlist"), marked("It may have been removed already.")
    ),
    "refused": Code(HTTPStatus.UNPROCESSABLE_ENTITY, marked("This cannot be done"), "{detail}"),
    "too-large": Code(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, marked("The request is too large"), marked("Send at most {most} bytes.")
    ),
    "bad-cursor": Code(
        HTTPStatus.BAD_REQUEST, marked("The cursor is not one of ours"), marked("Use `next` of the last page as it is.")
    ),
    "bad-request": Code(HTTPStatus.UNPROCESSABLE_ENTITY, marked("The request is not understood"), "{detail}"),
    "store-failed": Code(
        HTTPStatus.SERVICE_UNAVAILABLE,
        marked("The hub's database refuses"),
        marked("Try again; the hub's log says more."),
    ),
    "internal-error": Code(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        marked("The hub failed at this"),
        marked("Tell the administrator; the hub's log says more."),
    ),
}
_CODE_OF_STATUS: Final = {404: "not-found", 405: "not-allowed"}


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(description="Where this kind of problem is described", examples=["/api/docs#not-found"])
    code: str = Field(description="Stable, for programs", examples=["not-found"])
    title: str
    status: int
    detail: str


class ProblemError(Exception):
    """Ends a request with the problem `code`; `values` fill the placeholders of its texts."""

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(code)
        self.code = code
        self.values = values


def problem_response(request: HTTPConnection, code: str, **values: object) -> JSONResponse:
    """The problem `code`, told in the request's language."""
    known = CODES[code]
    catalogue = translations(language_of(request))
    problem = Problem(
        type=f"/api/docs#{code}",
        code=code,
        title=catalogue.gettext(known.title).format(**values),
        status=known.status,
        detail=catalogue.gettext(known.advice).format(**values),
    )
    headers = _headers(request, code, values)
    return JSONResponse(problem.model_dump(), known.status, headers=headers, media_type=MEDIA_TYPE)


def _headers(request: HTTPConnection, code: str, values: dict[str, Any]) -> dict[str, str]:
    if CODES[code].status == HTTPStatus.UNAUTHORIZED:
        # A browser that meets `Basic` opens its own dialog over the page; scripts need the hint (RFC 9110 §11.6.1).
        scheme = "Session" if "sec-fetch-mode" in request.headers else "Basic"
        return {"www-authenticate": f'{scheme} realm="vigie", charset="UTF-8"'}
    if CODES[code].status == HTTPStatus.TOO_MANY_REQUESTS:
        return {"retry-after": str(values["seconds"])}
    return {}


def install(api: FastAPI) -> None:
    """Answer every error of `api` with a problem."""
    api.add_exception_handler(ProblemError, _on_problem)
    api.add_exception_handler(HTTPException, _on_http_error)
    api.add_exception_handler(RequestValidationError, _on_bad_request)
    api.add_exception_handler(StoreError, _on_store_error)
    api.add_exception_handler(Exception, _on_failure)


async def _on_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ProblemError)
    return problem_response(request, error.code, **error.values)


async def _on_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = _CODE_OF_STATUS.get(error.status_code)
    return problem_response(request, code) if code else problem_response(request, "bad-request", detail=error.detail)


async def _on_bad_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
    return problem_response(request, "bad-request", detail=found)


async def _on_store_error(request: Request, _error: Exception) -> JSONResponse:
    return problem_response(request, "store-failed")


async def _on_failure(request: Request, _error: Exception) -> JSONResponse:
    return problem_response(request, "internal-error")
