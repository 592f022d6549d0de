"""The page's addresses: sign-in, the board, its sections, and the API's own description."""

from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from vigie_hub.api.authentication import COOKIE, Authentication
from vigie_hub.api.context import ServicesOf, UserOf
from vigie_hub.api.contract import contract_of
from vigie_hub.api.language import COOKIE as LANGUAGE_COOKIE
from vigie_hub.api.language import asked_language, language_of
from vigie_hub.api.problems import CODES, ProblemError
from vigie_hub.api.routes.clips import clip_of
from vigie_hub.ui.assets import ASSETS
from vigie_hub.ui.board import SECTIONS
from vigie_hub.ui.environment import render
from vigie_hub.ui.viewer import shown
from vigie_shared.i18n import translations

_YEAR_SECONDS = 365 * 24 * 3600
router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


def install(api: FastAPI) -> None:
    """Add the page to `api`."""
    api.include_router(router)


@router.get("/")
async def get_board(request: Request, services: ServicesOf, user: UserOf) -> Response:
    """The whole page, as it is now; from then on its script keeps it so."""
    if asked_language(request):
        return _in_that_language(request)
    values: dict[str, Any] = {"user": user}
    for section in SECTIONS.values():
        values |= await section(services)
    return _page(request, "board.html", **values)


@router.get("/fragments/{name}")
async def get_section(request: Request, services: ServicesOf, name: str) -> Response:
    """One section, drawn again."""
    if name not in SECTIONS:
        raise ProblemError("not-found")
    return _page(request, f"sections/{name}.html", **await SECTIONS[name](services))


@router.get("/fragments/viewer/{clip_id}")
async def get_viewer(request: Request, services: ServicesOf, clip_id: str) -> Response:
    """The viewer of one clip: what of it is here, how far its pull has come, then the video."""
    clip = await clip_of(services, clip_id)
    return _page(request, "viewer.html", clip=clip, **await shown(services, clip))


@router.get("/login")
async def get_login(request: Request) -> Response:
    """The sign-in form."""
    if asked_language(request):
        return _in_that_language(request)
    return _page(request, "login.html", name="", trouble=None)


@router.post("/login")
async def post_login(
    request: Request, name: Annotated[str, Form()] = "", password: Annotated[str, Form()] = ""
) -> Response:
    """Open a session, or say why not."""
    authentication: Authentication = request.app.state.authentication
    try:
        token = await authentication.sign_in(name, password, request)
    except ProblemError as problem:
        code = CODES[problem.code]
        catalogue = translations(language_of(request))
        trouble = {
            "title": catalogue.gettext(code.title),
            "advice": catalogue.gettext(code.advice).format(**problem.values),
        }
        return _page(request, "login.html", code.status, name=name, trouble=trouble)
    response = RedirectResponse("/", 303)
    response.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=request.url.scheme == "https")
    return response


@router.post("/logout")
async def post_logout(request: Request, user: UserOf) -> Response:
    """End the session."""
    authentication: Authentication = request.app.state.authentication
    await authentication.sign_out(request, user)
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


@router.get("/api/docs")
async def get_docs(request: Request) -> Response:
    """The API's contract, for people."""
    if asked_language(request):
        return _in_that_language(request)
    return _page(request, "docs.html", contract=contract_of(request.app), codes=CODES)


@router.get("/static/{name}")
async def get_asset(request: Request, name: str) -> Response:
    """A file of the page's own; unchanged ones are not sent again."""
    asset = ASSETS.get(name)
    if asset is None:
        raise ProblemError("not-found")
    headers = {"etag": asset.etag}
    if request.headers.get("if-none-match") == asset.etag:
        return Response(status_code=304, headers=headers)
    return Response(asset.data, media_type=asset.media_type, headers=headers)


def _page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    return HTMLResponse(render(template, language_of(request), path=request.scope["path"], **values), status)


def _in_that_language(request: Request) -> Response:
    response = RedirectResponse(request.scope["path"], 303)
    response.set_cookie(LANGUAGE_COOKIE, language_of(request), max_age=_YEAR_SECONDS, httponly=True, samesite="strict")
    return response
