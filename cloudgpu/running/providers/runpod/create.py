"""The body of a create at RunPod, built as a value so that a test can compare it, and the offer ids it is made from."""

from dataclasses import dataclass
from typing import Any, Literal

from cloudgpu.base.errors import InvalidRequestError, UsageError
from cloudgpu.base.secret import Secret
from cloudgpu.planning.offers.offer import Offer
from cloudgpu.serving.launch import LaunchRequest

PortKind = Literal["http", "tcp"]
"""http: through RunPod's proxy, with TLS; tcp: a port of the host, without."""

_MOST_VARIABLES = 50
_MOST_HTTP_PORTS = 10


@dataclass(frozen=True, slots=True)
class PodOffer:
    """What an offer id says: `NVIDIA L4/secure/1`, or with a data centre at its end. None: wherever there is one."""

    gpu_type: str
    cloud: str
    gpu_count: int
    data_centre: str | None


def pod_offer(offer_id: str) -> PodOffer:
    """The id taken apart. Raises UsageError for one that was not made by RunPod's offers."""
    gpu_type, *rest = offer_id.split("/")
    if len(rest) not in (2, 3) or rest[0] not in ("secure", "community") or not rest[1].isdigit():
        raise UsageError(f"{offer_id!r} is no offer of RunPod", hint="plan again: cloudgpu plan MODEL")
    return PodOffer(gpu_type, rest[0], int(rest[1]), rest[2] if len(rest) == 3 else None)


def pod_body(offer: Offer, launch: LaunchRequest, name: str, port_kind: PortKind) -> dict[str, Any]:
    """The body of POST /v2/pods: one GPU type, the arguments after the entrypoint, no volume.

    A driver too old for the image would restart the container for ever, billed: so `minCudaVersion` goes along. Raises
    InvalidRequestError for what RunPod cannot take.
    """
    _check(launch, port_kind)
    if offer.interruptible:
        raise InvalidRequestError("RunPod takes no bids", hint="rent on demand, or bid at Vast.ai: --provider vast")
    wanted = pod_offer(offer.offer_id)
    gpu = {"id": wanted.gpu_type, "count": wanted.gpu_count}
    return {
        "name": name,
        "image": launch.image,
        "gpu": {**gpu, "minCudaVersion": launch.min_cuda} if launch.min_cuda else gpu,
        "cloud": wanted.cloud.upper(),
        "disk": launch.disk_gb,
        "ports": [f"{port}/{port_kind}" for port in launch.ports],
        "env": {name: _revealed(value) for name, value in launch.env.items()},
        **({"entrypoint": list(launch.entrypoint)} if launch.entrypoint else {}),
        "cmd": list(launch.args),
        **({"dataCenterIds": [wanted.data_centre]} if wanted.data_centre else {}),
    }


def _check(launch: LaunchRequest, port_kind: PortKind) -> None:
    if len(launch.env) > _MOST_VARIABLES:
        raise InvalidRequestError(f"RunPod takes {_MOST_VARIABLES} variables at most", hint="use fewer")
    if port_kind == "http" and len(launch.ports) > _MOST_HTTP_PORTS:
        raise InvalidRequestError(f"RunPod's proxy takes {_MOST_HTTP_PORTS} ports at most", hint="use fewer")


def _revealed(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value
