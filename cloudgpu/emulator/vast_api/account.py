"""Who asks, and the account: GET /api/v0/users/current."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloudgpu.emulator.vast_api.body import world_of
from cloudgpu.emulator.vast_api.reply import refusal, reply


def routes() -> list[Route]:
    """The account's routes. The real server answers with and without a slash here."""
    return [Route(f"/api/v0/users/current{slash}", _current, methods=["GET"]) for slash in ("", "/")]


def has_key(request: Request) -> bool:
    """Whether the request carries the account's key."""
    return request.headers.get("authorization") == f"Bearer {request.app.state.api_key.reveal()}"


def unauthorised(request: Request) -> Response | None:
    """Vast's answer to a missing key (403) or a wrong one (404!); None when the key is right."""
    if has_key(request):
        return None
    if "authorization" not in request.headers:
        return refusal(403, "auth_error", "This action requires login")
    return refusal(404, "auth_error", "Invalid user key")


async def _current(request: Request) -> Response:
    world = world_of(request)
    return reply(
        {
            "id": world.state.account_id,
            "username": "emulator",
            "email": "emulator@localhost",
            "email_verified": True,
            "can_pay": True,
            "has_billing": True,
            "balance": 0,
            "credit": world.credit_usd(),
            "balance_threshold": 0,
            "balance_threshold_enabled": False,
            "ssh_key": "",
            "sid": "",
        }
    )
