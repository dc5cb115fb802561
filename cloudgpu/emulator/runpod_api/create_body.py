"""The body of a create, checked as RunPod's contract does: fields it does not know are refused by name."""

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cloudgpu.emulator.instances.instance import Pod
from cloudgpu.emulator.instances.rental import RentRequest

_PORT = re.compile(r"\d{1,5}/(http|tcp)")
_VERSION = re.compile(r"\d+\.\d+")
_DEFAULT_DISK_GB = 50
_MOST_VARIABLES = 50
_LONGEST_NAME = 191


class BrokenBodyError(ValueError):
    """A body that breaks the contract (422), or a rule between fields (400)."""

    def __init__(self, field: str, message: str, status: int = 422) -> None:
        super().__init__(f"{field}: {message}")
        self.field, self.message, self.status = field, message, status


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedPod:
    """What is asked for: the GPUs, the places, and the container."""

    gpu_type: str
    gpu_count: int
    cloud: str
    data_centres: tuple[str, ...]
    cuda_versions: tuple[str, ...]
    min_cuda: str | None
    rent: RentRequest


def read_create(body: Mapping[str, Any]) -> WantedPod:
    """The wish behind a body. Raises BrokenBodyError."""
    _check_shape(body, _FIELDS, "body")
    if "cpu" in body and "gpu" not in body:
        raise BrokenBodyError("cpu", "there are no instances of this CPU type here", 400)
    gpu = body.get("gpu")
    if not isinstance(gpu, Mapping) or "cpu" in body:
        raise BrokenBodyError("gpu", "exactly one of gpu and cpu is required")
    _check_shape(gpu, _GPU_FIELDS, "gpu")
    if "id" not in gpu or not body.get("name"):
        raise BrokenBodyError("gpu.id" if "id" not in gpu else "name", "is required")
    if not body.get("image"):
        raise BrokenBodyError("image", "is required unless templateId is given")
    if "allowedCudaVersions" in gpu and "minCudaVersion" in gpu:
        raise BrokenBodyError("gpu", "allowedCudaVersions and minCudaVersion exclude one another", 400)
    if "args" in body and ("cmd" in body or "entrypoint" in body):
        raise BrokenBodyError("args", "args and entrypoint or cmd exclude one another", 400)
    return WantedPod(
        gpu_type=gpu["id"],
        gpu_count=gpu.get("count", 1),
        cloud=body.get("cloud", "SECURE"),
        data_centres=tuple(body.get("dataCenterIds") or ()),
        cuda_versions=tuple(gpu.get("allowedCudaVersions") or ()),
        min_cuda=gpu.get("minCudaVersion"),
        rent=_rent(body, gpu["id"]),
    )


def _rent(body: Mapping[str, Any], gpu_type: str) -> RentRequest:
    mounts = body.get("mounts") or {}
    volume: Mapping[str, Any] = mounts.get("persistent") or next(iter(mounts.get("network") or ()), {})
    entrypoint, cmd = tuple(body.get("entrypoint") or ()), tuple(body.get("cmd") or ())
    words = cmd or tuple(_words(body.get("args")))
    ports = tuple(body.get("ports") or ())
    pod = Pod(
        pod_id="", gpu_type=gpu_type, cloud=body.get("cloud", "SECURE"), ports=ports, args=body.get("args"),
        entrypoint=entrypoint, cmd=cmd, volume_gb=Decimal(str(volume.get("size", 0))), volume_path=volume.get("path"),
        network_volume=volume.get("volumeId"),
    )  # fmt: skip
    return RentRequest(
        image=body["image"],
        args=words,
        env=dict(body.get("env") or {}),
        onstart=shlex.join((*entrypoint, *words)) if entrypoint else None,
        runtype="args",
        disk_gb=Decimal(str(body.get("disk", _DEFAULT_DISK_GB))),
        label=body["name"],
        container_ports=tuple(int(port.partition("/")[0]) for port in ports),
        pod=pod,
    )


def _words(args: str | None) -> Sequence[str]:
    try:
        return shlex.split(args or "")
    except ValueError:
        return (args or "").split()


def _check_shape(body: Mapping[str, Any], fields: Mapping[str, Callable[[Any], bool]], place: str) -> None:
    for name, value in body.items():
        if name not in fields:
            raise BrokenBodyError(f"{place}.{name}", "unexpected property")
        if not fields[name](value):
            raise BrokenBodyError(f"{place}.{name}", f"{value!r} is not of the right form")


def _text(value: Any) -> bool:  # noqa: ANN401  (whatever came)
    return isinstance(value, str)


def _flag(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, bool)


def _count(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _mounts(value: Any) -> bool:  # noqa: ANN401
    if not _object(value) or set(value) - {"persistent", "network"} or len(value) > 1:
        return False
    network = value.get("network", [])
    return isinstance(network, list) and len(network) <= 1 and all(map(_network_mount, network))


def _network_mount(value: Any) -> bool:  # noqa: ANN401
    return _object(value) and set(value) == {"volumeId", "path"} and all(map(_text, value.values()))


def _texts(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _object(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, dict)


def _ports(value: Any) -> bool:  # noqa: ANN401
    return _texts(value) and all(_PORT.fullmatch(port) for port in value) and sum("http" in p for p in value) <= 10


def _env(value: Any) -> bool:  # noqa: ANN401
    return _object(value) and all(map(_text, value.values())) and len(value) <= _MOST_VARIABLES


def _versions(value: Any) -> bool:  # noqa: ANN401
    return _texts(value) and all(_VERSION.fullmatch(each) for each in value)


_FIELDS: Mapping[str, Callable[[Any], bool]] = {
    "name": lambda value: _text(value) and 0 < len(value) <= _LONGEST_NAME,
    "image": _text, "gpu": _object, "cpu": _object, "cloud": lambda value: value in ("SECURE", "COMMUNITY"),
    "dataCenterIds": _texts, "disk": _count, "ports": _ports, "env": _env, "args": _text, "entrypoint": _texts,
    "cmd": _texts, "registry": _text, "mounts": _mounts, "globalNetworking": _flag, "startSsh": _flag,
    "startJupyter": _flag, "templateId": _text,
}  # fmt: skip
_GPU_FIELDS: Mapping[str, Callable[[Any], bool]] = {
    "id": _text, "count": _count, "allowedCudaVersions": _versions, "minRamPerGpu": _count,
    "minVcpuCountPerGpu": _count, "minCudaVersion": lambda value: _text(value) and bool(_VERSION.fullmatch(value)),
}  # fmt: skip
