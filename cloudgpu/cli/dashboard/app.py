"""The dashboard's addresses: the page, and its body for renewal. Everything lies below the token; all else is 404."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from cloudgpu.cli.dashboard.page import body, page
from cloudgpu.cli.session import Session

_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'",
}


def dashboard_app(session: Session, token: str, refresh_s: int) -> Starlette:
    """An application on this session whose addresses begin with the token."""

    def whole(_: Request) -> HTMLResponse:
        return HTMLResponse(page(session, refresh_s), headers=_HEADERS)

    def part(_: Request) -> HTMLResponse:
        return HTMLResponse(body(session), headers=_HEADERS)

    return Starlette(routes=[Route(f"/{token}/", whole), Route(f"/{token}/body", part)])
