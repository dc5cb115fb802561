"""The account: balance and SSH keys."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloudgpu.emulator.vast_api.body import runpod_of
from cloudgpu.emulator.vast_api.reply import reply

ACCOUNT_ID = "user_emulator0runpod"


def routes() -> list[Route]:
    """The routes of the account. The path of the balance is assumed: RunPod documents the answer."""
    return [
        Route("/v2/account/balance", _balance, methods=["GET"]),
        Route("/v2/account/ssh-keys", _ssh_keys, methods=["GET", "PUT"]),
    ]


async def _balance(request: Request) -> Response:
    return reply({"balanceAmount": runpod_of(request).credit_usd(), "billingMode": "PREPAID"})


async def _ssh_keys(request: Request) -> Response:  # noqa: ARG001 - every request gets the same answer
    return reply({"sshKeys": []})
