"""The web page's files under `/console/`."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.responses import FileResponse, PlainTextResponse, RedirectResponse

FILES = Path(__file__).resolve().parents[1] / "console" / "dist"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
NEVER_CHANGES = {"Cache-Control": "public, max-age=31536000, immutable"}
ASK_AGAIN = {"Cache-Control": "no-cache"}
NOT_BUILT = "控制台尚未构建，请运行：make console\nThe console is not built here: make console\n"

router = APIRouter(include_in_schema=False)


@router.api_route("/", methods=["GET", "HEAD"])
async def root() -> RedirectResponse:
    """The console is what people look for."""
    return RedirectResponse("/console/", 302)


@router.api_route("/console", methods=["GET", "HEAD"])
@router.api_route("/console/{path:path}", methods=["GET", "HEAD"])
def file(path: str = "", accept_encoding: Annotated[str, Header()] = "") -> Response:
    """A file of the console; any path without one is a page of the application, which `index.html` draws.

    A missing asset is 404: a page in its place would be taken for a script.
    """
    wanted = (FILES / path).resolve()
    if not (wanted.is_relative_to(FILES) and wanted.is_file()):
        if path.startswith("assets/"):
            return PlainTextResponse("404\n", 404, HEADERS)
        wanted, path = FILES / "index.html", ""
    if not wanted.is_file():
        return PlainTextResponse(NOT_BUILT, 503, HEADERS)
    headers = HEADERS | (NEVER_CHANGES if path.startswith("assets/") else ASK_AGAIN)
    answer = FileResponse(wanted, headers=headers)
    packed = wanted.with_name(f"{wanted.name}.gz")
    if "gzip" in accept_encoding and packed.is_file():
        encoding = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        answer = FileResponse(packed, headers=headers | encoding, media_type=answer.media_type)
    return answer
