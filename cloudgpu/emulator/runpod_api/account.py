"""The account: balance and SSH keys."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloudgpu.emulator.runpod_api.problem import problem
from cloudgpu.emulator.vast_api.body import json_object, runpod_of
from cloudgpu.emulator.vast_api.reply import reply
from cloudgpu.emulator.world.world import World

_KEYS = "ssh-keys"


def routes() -> list[Route]:
    """The routes of the account. The path of the balance is assumed: RunPod documents the answer."""
    return [
        Route("/v2/account/balance", _balance, methods=["GET"]),
        Route("/v2/account/ssh-keys", _ssh_keys, methods=["GET", "PUT"]),
    ]


def account_name(world: World) -> str:
    """The account as RunPod names it."""
    return f"user_emulator{world.state.account_id}"


async def _balance(request: Request) -> Response:
    return reply({"balanceAmount": runpod_of(request).credit_usd(), "billingMode": "PREPAID"})


async def _ssh_keys(request: Request) -> Response:
    """PUT replaces them all."""
    world = runpod_of(request)
    if request.method == "PUT":
        body = await json_object(request) or {}
        if not isinstance(body.get("keys"), list):
            return problem(422, "keys: must be a list")
        for row in world.shelf.all(_KEYS):
            world.shelf.forget(_KEYS, row["id"])
        world.shelf.keep(_KEYS, {"keys": body["keys"]})
    return reply({"keys": next((row["keys"] for row in world.shelf.all(_KEYS)), [])})
