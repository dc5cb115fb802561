"""What is asked of a provider to start an engine: one container, as a value."""

from collections.abc import Mapping
from dataclasses import dataclass

from cloudgpu.base.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """How to tell that the engine serves: the path that answers 200 without a key, the model id it must list, and what
    is asked of it then: `chat` for a completion, `embedding` for a vector.
    """

    port: int
    path: str
    model_id: str
    asks: str = "chat"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchRequest:
    """A container to run: image with a pinned tag, arguments appended to its entrypoint, environment, ports, disk.

    `entrypoint` stands in for the image's own; None keeps that.
    `ports` are container ports to be reached over TCP. Secrets stand in `env` as `Secret` and are revealed only by the
    adapter that sends them. `download_gb` is what the instance will fetch before it can serve (image and weights).
    `min_cuda` is the CUDA version that the host's driver must support ("13.0"); None: the image does not say.
    `start_limit_s` is the longest that a start may take, download and all; None: nobody says.
    `template` is the one it was made from; `constants` are the variables whose values are that file's own words: no
    user's and no plan's, so that they may be written down.
    """

    image: str
    args: tuple[str, ...]
    env: Mapping[str, str | Secret]
    ports: tuple[int, ...]
    disk_gb: int
    download_gb: float
    health: HealthCheck
    min_cuda: str | None = None
    entrypoint: tuple[str, ...] | None = None
    start_limit_s: float | None = None
    template: str | None = None
    constants: tuple[str, ...] = ()
