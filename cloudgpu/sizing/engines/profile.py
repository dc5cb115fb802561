"""What an engine release does when nobody tells it otherwise: defaults, memory rules, image, oldest hardware."""

from dataclasses import dataclass
from typing import Protocol

from cloudgpu.base.errors import UsageError
from cloudgpu.sizing.engines.vllm_formats import SUPPORT, cache_error, kept_as, least_capability
from cloudgpu.sizing.number_formats import Storage


class Card(Protocol):
    """The three facts about a GPU that decide an engine's defaults and refusals."""

    @property
    def name(self) -> str:
        """Its name, for sentences."""
        ...

    @property
    def total_gib(self) -> float:
        """Total memory as torch reports it."""
        ...

    @property
    def compute_capability(self) -> str | None:
        """Like "8.9"; None when nobody says."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineProfile:
    """One release of one engine.

    `graphs_inside_budget` holds for the older model runner, `v2_graphs_inside_budget` for the newer one, which
    serves most models where `has_v2_runner`, those that see images where `v2_serves_images`. The
    `…sampler_bytes_per_logit` times rows times vocabulary is the peak of the profiled sampler, of at most
    `v2_sampler_rows` rows with the newer runner. `batches_in_flight` is what a windowed layer keeps besides its window;
    without `pools_by_kind` it keeps everything, and so do chunked layers without `frees_chunks`. `min_cuda` is the CUDA
    version the host's driver must support; `min_capability` the oldest compute capability the image runs on.
    """

    name: str
    version: str
    release: tuple[int, int]
    image: str
    gpu_memory_utilization: float
    min_cuda: str
    min_capability: str
    graphs_inside_budget: bool
    has_v2_runner: bool
    v2_graphs_inside_budget: bool
    v2_serves_images: bool
    sampler_bytes_per_logit: float
    v2_sampler_bytes_per_logit: float
    v2_sampler_rows: int
    batches_in_flight: int
    pads_mxfp4: bool
    quantizations: frozenset[str]
    pools_by_kind: bool = True
    frees_chunks: bool = True

    def max_num_batched_tokens(self, card: Card) -> int:
        """Tokens of one scheduler step when the user sets none: it follows the size of the card."""
        return _server_defaults(self, card)[0]

    def max_num_seqs(self, card: Card) -> int:
        """Sequences that run at once when the user sets none: it follows the size of the card."""
        return _server_defaults(self, card)[1]

    def storage(self, quantization: str, card: Card, group: int | None = None) -> Storage:
        """How this release keeps a matrix of that format on that card; `group` is the checkpoint's own, if it says."""
        have = capability(card.compute_capability) if card.compute_capability else None
        return kept_as(quantization, self.release, have, group)

    def hardware_error(
        self, card: Card, quantization: str | None, dtype: str, kv_cache_dtype: str = "auto"
    ) -> str | None:
        """Why this release cannot run those number formats on that card; None when it can or nobody knows.

        Source: the engine's own minimum capabilities per quantisation (vLLM source, 0.11 to 0.33).
        """
        if card.compute_capability is None:
            return None
        have = capability(card.compute_capability)
        need, what = _least_capability(self, quantization, dtype)
        has = f"{card.name} has {card.compute_capability}"
        if have < capability(need):
            return f"{self.name} {self.version} needs compute capability {need} for {what}; {has}"
        support = SUPPORT.get(quantization or "")
        if support and (below := support.below) and have >= below:
            end = f"{below[0]}.{below[1]}"
            return f"{self.name} {self.version} has no {quantization} from compute capability {end} on; {has}"
        refused = cache_error(kv_cache_dtype, dtype, self.release, have)
        return f"{self.name} {self.version} on {card.name}: {refused}" if refused else None


def capability(text: str) -> tuple[int, int]:
    """`"8.9"` as `(8, 9)`, to be compared. Raises UsageError when it is no capability."""
    major, _, minor = text.partition(".")
    if not (major.isdigit() and (minor or "0").isdigit()):
        raise UsageError(f"{text!r} is not a compute capability", hint='it looks like "8.9"')
    return int(major), int(minor or 0)


def _server_defaults(profile: EngineProfile, card: Card) -> tuple[int, int]:
    """(max_num_batched_tokens, max_num_seqs) of vLLM's server. Source: `EngineArgs`, checked on logs, 0.11 to 0.33.

    The V0 engine before 0.8 knew no cards: 1.26 GiB of activation logged on an H100, which is 256 sequences.
    """
    if profile.name == "vllm" and profile.release < (0, 8):
        return 2048, 256
    if card.total_gib >= 160:
        return 16384, 1024
    if card.total_gib >= 70 and "a100" not in card.name.lower():
        return 8192, 1024
    return 2048, 256


def _least_capability(profile: EngineProfile, quantization: str | None, dtype: str) -> tuple[str, str]:
    needs = [(capability(profile.min_capability), "its image")]
    if dtype == "bfloat16":
        needs.append(((8, 0), "bfloat16"))
    if quantization is not None:
        needs.append((least_capability(quantization, profile.release), quantization))
    (major, minor), what = max(needs, key=lambda need: need[0])
    return f"{major}.{minor}", what


def plain_profile(
    name: str, version: str, image: str, formats: frozenset[str], *, min_capability: str, share: float = 0.9
) -> EngineProfile:
    """The profile of an engine whose memory follows rules of its own file: no pool of blocks, no profiled sampler."""
    digits = [int(part) for part in "".join(each if each.isdigit() else " " for each in version).split()[:2]]
    return EngineProfile(
        name=name,
        version=version,
        release=(digits[0] if digits else 0, digits[1] if len(digits) > 1 else 0),
        image=image,
        gpu_memory_utilization=share,
        min_cuda="12.4",
        min_capability=min_capability,
        graphs_inside_budget=False,
        has_v2_runner=False,
        v2_graphs_inside_budget=False,
        v2_serves_images=False,
        sampler_bytes_per_logit=0.0,
        v2_sampler_bytes_per_logit=0.0,
        v2_sampler_rows=0,
        batches_in_flight=0,
        pads_mxfp4=False,
        quantizations=formats,
    )
