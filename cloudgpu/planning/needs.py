"""What the user asks of a deployment: the model and how it is served, and what the machine and the price must be."""

from dataclasses import dataclass
from decimal import Decimal

from cloudgpu.planning.need_limits import check_needs
from cloudgpu.planning.objective import Objective
from cloudgpu.sizing.engines import canonical_engine
from cloudgpu.sizing.model import Checkpoint, ModelSpec
from cloudgpu.sizing.options import ServingOptions

DEFAULT_HOURS = Decimal(24)
DEFAULT_MIN_RELIABILITY = 0.9
"""Of the verified hosts on Vast.ai one in 150 is below it; among the cheapest unverified ones 0.64 occurs."""

DEFAULT_MIN_DOWNLOAD_MBPS = 100.0
"""At this speed 30 GB take 40 paid minutes; one verified host in 70 is slower."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """Everything that decides whether an offer fits and what it costs. Filters that are None or empty are off.

    Raises UsageError for a number that cannot be meant (`need_limits`).

    `hours` is how long the deployment is meant to live: the download is spread over it and the host must stay that
    long. `disk_gb` None means as much as the model needs. A host that does not state a figure passes its filter; only
    `regions` demands that the place is known, and `min_tokens_per_s` that the card's speed is. `prompt_tokens` and
    `output_tokens` are what speed is judged by, at the concurrency of the options; None leaves them to sizing. `asked`
    is how the user named the model (an alias, an id, a path), None when that was its id: a plan file finds the model
    again by it. `max_wait_s` is the longest wait from create to first answer that is taken; `weights_cached` says that
    image and weights lie on the host already. `old_usd_per_hour` is what the deployment that this one shall replace
    costs: it runs on until the new one answers and `rollback_window_s` longer; None replaces nothing.
    """

    model: ModelSpec
    asked: str | None = None
    options: ServingOptions
    hours: Decimal = DEFAULT_HOURS
    disk_gb: int | None = None
    gpu: str | None = None
    gpu_count: int | None = None
    providers: tuple[str, ...] = ()
    max_usd_per_hour: Decimal | None = None
    regions: tuple[str, ...] = ()
    min_reliability: float = DEFAULT_MIN_RELIABILITY
    min_download_mbps: float = DEFAULT_MIN_DOWNLOAD_MBPS
    verified_only: bool = True
    interruptible: bool = False
    ports: int = 1
    adapter: str | None = None
    objective: Objective = Objective.PRICE
    min_tokens_per_s: float | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    max_wait_s: float | None = None
    weights_cached: bool = False
    old_usd_per_hour: Decimal | None = None
    rollback_window_s: float = 0.0

    def __post_init__(self) -> None:
        check_needs(self)

    def checkpoint(self) -> Checkpoint:
        """The files to serve. Raises UsageError where there are none in the format that is asked for."""
        return self.model.checkpoint(self.options.quantization, canonical_engine(self.options.engine))
