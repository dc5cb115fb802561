"""The body of a create: the one request that spends money, built as a value so that a test can compare it."""

import shlex
from typing import Any

from cloudgpu.base.secret import Secret
from cloudgpu.planning.offers.offer import Offer
from cloudgpu.running.providers.vast.bid import bid_price
from cloudgpu.serving.launch import LaunchRequest


def create_body(offer: Offer, launch: LaunchRequest, label: str) -> dict[str, Any]:
    """The body of PUT /asks/{id}/.

    `runtype` "args" keeps the image's entrypoint, unless `onstart` gives the whole command line instead; ports travel
    as keys of the environment object; `cancel_unavail` asks for an error instead of a stopped instance that bills.
    `price` makes it a bid; without one it is on demand, whatever the offer was found by. Raises InvalidRequestError for
    a bid that Vast.ai does not take.
    """
    return {
        "client_id": "me",
        "image": launch.image,
        "runtype": "args",
        **_command(launch),
        "env": {**_ports(launch), **{name: _revealed(value) for name, value in launch.env.items()}},
        "disk": launch.disk_gb,
        "label": label,
        "target_state": "running",
        "cancel_unavail": True,
        **({"price": bid_price(offer.gpu_usd_per_hour)} if offer.interruptible else {}),
    }


def _command(launch: LaunchRequest) -> dict[str, Any]:
    if launch.entrypoint is None:
        return {"args": list(launch.args)}
    return {"args": [], "onstart": shlex.join((*launch.entrypoint, *launch.args))}


def _ports(launch: LaunchRequest) -> dict[str, str]:
    return {f"-p {port}:{port}": "1" for port in launch.ports}


def _revealed(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value
