"""What stands before every RunPod route: the key, its limits, and the faults that were asked for."""

import re
import secrets

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from cloudgpu.emulator.faults.strike import Answers, Proceed, strike
from cloudgpu.emulator.runpod_api.problem import problem
from cloudgpu.emulator.vast_api.body import runpod_of
from cloudgpu.emulator.vast_api.reply import reply

_CALLS = (
    ("GET", r"/v2/catalog/.*", "search"),
    ("POST", r"/v2/pods", "create"),
    ("GET", r"/v2/pods", "list"),
    ("GET", r"/v2/pods/[^/]+", "show"),
    ("PATCH", r"/v2/pods/[^/]+", "state"),
    ("POST", r"/v2/pods/[^/]+/action", "state"),
    ("DELETE", r"/v2/pods/[^/]+", "destroy"),
    ("GET", r"/v2/pods/[^/]+/logs", "logs"),
    ("GET", r"/v2/billing/.*", "charges"),
    ("GET", r"/v2/account/.*", "user"),
    ("POST", r"/graphql", "user"),
)
_HTML = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
NO_CAPACITY = (
    "There are no longer any instances available with the requested specifications. Please refresh and try again."
)


async def runpod_gate(request: Request, proceed: Proceed) -> Response:
    """Middleware: refuse a wrong key, let a fault strike, else go on."""
    path = request.url.path
    if not path.startswith("/v2/") and path != "/graphql":
        return await proceed(request)
    answer = _unauthorised(request) or await _within_limits(request, proceed)
    answer.headers["x-request-id"] = secrets.token_hex(8)
    return answer


async def _within_limits(request: Request, proceed: Proceed) -> Response:
    """Every answer tells how the limits stand; they are enforced on request."""
    world, limits = runpod_of(request), request.app.state.markets.runpod_limits
    used_up = [window for window in limits.windows(world.now()) if window.left == 0]
    if used_up and world.faults.limits_enforced():
        answer = problem(429, f"rate limit exceeded for the {used_up[0].name} window")
        answer.headers["Retry-After"] = str(used_up[0].reset_s)
    else:
        limits.note(world.now())
        answer = await _answered(request, proceed)
    windows = limits.windows(world.now())
    told = {
        "RateLimit": ", ".join(f'"{each.name}";r={each.left};t={each.reset_s}' for each in windows),
        "RateLimit-Policy": ", ".join(f'"{each.name}";q={each.quota};w={each.length_s}' for each in windows),
    }
    for name, value in told.items():
        if name not in answer.headers:
            answer.headers[name] = value
    return answer


async def _answered(request: Request, proceed: Proceed) -> Response:
    fault = runpod_of(request).faults.take(_call(request.method, request.url.path))
    request.scope["emulator_fault"] = fault
    if fault is None:
        return await proceed(request)
    return await strike(request, proceed, fault, _ANSWERS)


def _unauthorised(request: Request) -> Response | None:
    given = request.headers.get("authorization")
    if given == f"Bearer {request.app.state.runpod_api_key.reveal()}":
        return None
    if given is None and request.url.path == "/graphql":
        return None  # prices are open to everybody there; the account is not
    return problem(401, "missing bearer token" if given is None else "invalid bearer token")


def _call(method: str, path: str) -> str:
    return next((name for verb, pattern, name in _CALLS if verb == method and re.fullmatch(pattern, path)), "any")


_ANSWERS: Answers = {
    "429": lambda: problem(429, "rate limit exceeded for the minute window"),
    "429_retry_after": lambda: _used_up(),
    "500": lambda: problem(500, "internal server error"),
    "502": lambda: Response(_HTML, 502, media_type="text/html"),
    "503": lambda: PlainTextResponse("Service Unavailable", 503),
    "504": lambda: PlainTextResponse("Gateway Timeout", 504),
    "html": lambda: Response(_HTML.replace("502 Bad Gateway", "RunPod"), 200, media_type="text/html"),
    "auth": lambda: problem(401, "invalid bearer token"),
    "insufficient_credit": lambda: problem(402, "account balance is too low to start this pod"),
    "no_capacity": lambda: problem(400, NO_CAPACITY),
    "no_free_gpus": lambda: problem(400, "There are not enough free GPUs on the host machine to start this pod."),
    "spend_cap": lambda: problem(400, "This would exceed your account's spend limit of $80 an hour."),
    "bad_request": lambda: problem(400, "request could not be processed"),
    "bad_body": lambda: problem(422, "Request validation failed.", [{"location": "body", "message": "is not right"}]),
    "forbidden": lambda: problem(403, "access denied"),
    "not_found": lambda: problem(404, "resource not found"),
    "conflict": lambda: problem(409, "the action is not allowed in the pod's status"),
    "graphql_gone": lambda: problem(410, "this API was retired"),
    "ignored": lambda: Response(status_code=204),
    "empty": lambda: reply({"pods": [], "gpus": [], "records": [], "pagination": {"hasNextPage": False}}),
}


def _used_up() -> Response:
    answer = problem(429, "rate limit exceeded for the minute window")
    answer.headers["Retry-After"] = "2"
    answer.headers["RateLimit"] = '"minute";r=0;t=2'
    return answer
