"""What stands before every Vast route: the key, and the faults that were asked for."""

import re

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from cloudgpu.emulator.faults.strike import Answers, Proceed, strike
from cloudgpu.emulator.vast_api.account import unauthorised
from cloudgpu.emulator.vast_api.body import world_of
from cloudgpu.emulator.vast_api.reply import refusal, reply

_CALLS = (
    ("POST", r"/api/v0/bundles/", "search"),
    ("GET", r"/api/v0/bundles/", "search"),
    ("PUT", r"/api/v0/search/asks/", "search"),
    ("PUT", r"/api/v0/asks/\d+/", "create"),
    ("POST", r"/api/v0/asks/bulk/", "create"),
    ("GET", r"/api/v1/instances/", "list"),
    ("GET", r"/api/v0/instances/\d+/", "show"),
    ("PUT", r"/api/v0/instances/\d+/", "state"),
    ("PUT", r"/api/v0/instances/(?:reboot|recycle)/\d+/", "state"),
    ("PUT", r"/api/v0/instances/bid_price/\d+/", "bid"),
    ("DELETE", r"/api/v0/instances/(\d+/)?", "destroy"),
    ("PUT", r"/api/v0/instances/request_logs/\d+/", "logs"),
    ("GET", r"/bucket/.*", "log_text"),
    ("GET", r"/api/v0/charges/", "charges"),
    ("GET", r"/api/v0/users/current/?", "user"),
)
_KEYLESS = frozenset({"/api/v0/gpu_names/unique/"})
_HTML = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
_TOO_OFTEN = "API requests too frequent endpoint threshold=4.5"


async def gate(request: Request, proceed: Proceed) -> Response:
    """Middleware: refuse a wrong key, let a fault strike, else go on."""
    path = request.url.path
    if not path.startswith(("/api/", "/bucket/")):
        return await proceed(request)
    refused = unauthorised(request) if _needs_key(request) else None
    if refused is not None:
        return refused
    call, world = _call(request.method, path), world_of(request)
    too_soon_s = request.app.state.markets.vast_limits.too_soon_s(call, world.now())
    if too_soon_s is not None and world.faults.limits_enforced():
        return PlainTextResponse(f"API requests too frequent endpoint threshold={too_soon_s}", 429)
    fault = world.faults.take("state" if call == "bid" else call) if call is not None else None
    request.scope["emulator_fault"] = fault
    if fault is None:
        return await proceed(request)
    return await strike(request, proceed, fault, _ANSWERS)


def _needs_key(request: Request) -> bool:
    path = request.url.path
    searched_without = path == "/api/v0/bundles/" and "authorization" not in request.headers
    return path.startswith("/api/") and path not in _KEYLESS and not searched_without


def _call(method: str, path: str) -> str | None:
    found = (name for verb, pattern, name in _CALLS if verb == method and re.fullmatch(pattern, path))
    return next(found, "any" if path.startswith("/api/") else None)


_ANSWERS: Answers = {
    "429": lambda: PlainTextResponse(_TOO_OFTEN, 429),
    "429_retry_after": lambda: Response(
        '{"detail": "Too many requests"}', 429, {"Retry-After": "2"}, "application/json"
    ),
    "429_json": lambda: Response('{"detail": "Too many requests"}', 429, media_type="application/json"),
    "search_quota": lambda: _quota_used_up(),
    "session_expired": lambda: refusal(404, "auth_error", "Session expired. Please log in again."),
    "spend_rate_limit": lambda: refusal(400, "spend_rate_limit", "Your account is new: please spend more slowly."),
    "500": lambda: PlainTextResponse("Internal Server Error", 500),
    "502": lambda: Response(_HTML, 502, media_type="text/html"),
    "503": lambda: PlainTextResponse("Service Unavailable", 503),
    "504": lambda: PlainTextResponse("Gateway Timeout", 504),
    "html": lambda: Response(_HTML.replace("502 Bad Gateway", "Vast.ai"), 200, media_type="text/html"),
    "auth": lambda: refusal(404, "auth_error", "Invalid user key"),
    "200_success_false": lambda: refusal(200, "no_such_ask", "Instance type is not available."),
    "no_such_ask_400": lambda: refusal(400, "no_such_ask", "Instance type is not available."),
    "no_such_ask_404": lambda: refusal(404, "no_such_ask", "Instance type is not available."),
    "no_such_ask_410": lambda: refusal(410, "no_such_ask", "Instance type is not available."),
    "no_such_instance": lambda: refusal(404, "no_such_instance", "Instance not found."),
    "deprecated_endpoint": lambda: refusal(410, "deprecated_endpoint", "This endpoint is gone."),
    "insufficient_credit": lambda: refusal(400, "insufficient_credit", "Your account lacks credit."),
    "ignored": lambda: reply({"success": True}),
    "null": lambda: reply({"instances": None}),
    "empty": lambda: reply(
        {
            "success": True,
            "instances": [],
            "instances_found": 0,
            "total_instances": 0,
            "label_counts": {},
            "next_token": None,
            "offers": [],
            "results": [],
            "count": 0,
            "total": 0,
        }
    ),
}


def _quota_used_up() -> Response:
    """The daily quota: nothing helps until midnight UTC. The SDK of Vast.ai reads the error's name."""
    answer = refusal(429, "search_quota_exceeded", "You have used your daily quota of search results.")
    answer.headers["X-RateLimit-Reset"] = "86400"
    return answer
