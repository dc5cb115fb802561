"""One service with everything that a rule may ask: its arguments, the release, the model, the cards it runs on."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cloudgpu.base.errors import CloudgpuError
from cloudgpu.serving.lint.arguments import Arguments, read_arguments
from cloudgpu.serving.lint.finding import Place
from cloudgpu.serving.lint.hub_facts import HubFacts
from cloudgpu.serving.lint.reading.service import Service
from cloudgpu.serving.lint.releases.flag_table import Release, release_of
from cloudgpu.sizing.gpus import GpuSpec
from cloudgpu.sizing.memory import MemoryEstimate, estimate
from cloudgpu.sizing.memory.rope_override import names_read
from cloudgpu.sizing.model import ModelSpec
from cloudgpu.sizing.models import model_from_config, resolve_model
from cloudgpu.sizing.options import KV_CACHE_DTYPES, ServingOptions

_HUB_NAME = re.compile(r"^[\w-][\w.-]*/[\w.-]+$")
_PREVIEWS = re.compile(r"\bvllm/vllm-openai:(gptoss|qwen3_5)(-cu\d+)?$")
"""Tags of the engine's own images that were made for the start of a model, and stayed at the release of that day."""

_ELSEWHERE = (
    "--cpu-offload-gb", "--decode-context-parallel-size", "--kv-cache-memory-bytes", "--kv-offloading-size",
    "--num-gpu-blocks-override", "--offload-params", "--prefill-context-parallel-size",
)  # fmt: skip
_RESHAPING = frozenset({"hidden_size", "num_hidden_layers", "num_key_value_heads", "n_routed_experts", "num_experts"})
"""Keys of --hf-overrides that make another model of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The machine the profile is meant for: `count` cards of one kind. None in the others: unknown."""

    gpu: GpuSpec
    count: int
    ram_gib: float | None = None
    disk_gb: float | None = None
    driver: int | None = None


@dataclass(frozen=True, kw_only=True)
class Case:
    """`version` is what the service is checked against; `is_pinned` says that the file itself names it, `is_told` that
    somebody did who knows what the image holds.

    `others` stand in the same file, `beside` in another one that was named with it. `repositories` are what the Hub
    said of those that it was asked about. `served` is what somebody says it serves; it counts where the command line
    names no model that is known.
    `model` and `host` are None when they are not known: rules that need them are silent then.
    """

    service: Service
    version: str
    is_pinned: bool
    host: Host | None
    others: tuple[Service, ...] = ()
    beside: tuple[Service, ...] = ()
    repositories: Mapping[str, HubFacts] = field(default_factory=dict)
    served: ModelSpec | None = None
    is_told: bool = False

    @property
    def is_known(self) -> bool:
        """Whether the release that runs was named, by the file or by who asks."""
        return self.is_pinned or self.is_told

    @property
    def is_guessed(self) -> bool:
        """Whether nobody can say which release runs: nobody named it, and it is not the official image of today."""
        return not self.is_known and (not self.is_official or bool(_PREVIEWS.search(self.service.image or "")))

    @property
    def is_official(self) -> bool:
        """Whether it is the engine's own image, not a fork's or one's own."""
        return "vllm/vllm-openai" in (self.service.image or "")

    @property
    def release(self) -> Release:
        """The version as numbers."""
        return release_of(self.version)

    @cached_property
    def args(self) -> Arguments:
        """The command line as this release's parser reads it."""
        return read_arguments(self.service.words, self.release)

    @cached_property
    def model_name(self) -> str | None:
        """The model that is served: `--model`, the positional one, or nobody says."""
        positional = self.args.model.text if self.args.model else None
        return self.args.value("--model") or positional

    @cached_property
    def model(self) -> ModelSpec | None:
        """What our catalogue knows of it, else its config.json on the Hub, else what somebody says; None: unknown."""
        name = self.model_name
        if name is None:
            return self.served
        try:
            return resolve_model(name)
        except CloudgpuError:
            return self._from_hub(name) or self.served

    @cached_property
    def adapters(self) -> tuple[tuple[str, str], ...]:
        """(name, path) of each of `--lora-modules`, written `name=path` or as JSON."""
        found = self.args.get("--lora-modules")
        return tuple(pair for word in (found.values if found else ()) if (pair := _adapter(word)))

    @property
    def hub_names(self) -> tuple[str, ...]:
        """The repositories that the server fetches by name: its model, its adapters."""
        named = (self.model_name, *(path for _, path in self.adapters))
        return tuple(name for name in dict.fromkeys(named) if name and _HUB_NAME.match(name))

    @property
    def tensor_parallel(self) -> int:
        """GPUs that share each layer."""
        return self.args.count("--tensor-parallel-size") or 1

    @property
    def pipeline_parallel(self) -> int:
        """Groups of layers."""
        return self.args.count("--pipeline-parallel-size") or 1

    @cached_property
    def rope_override(self) -> dict[str, Any] | None:
        """The RoPE settings that the command line puts over the model's own, wherever it puts them; None without."""
        old = self.args.json("--rope-scaling")
        if isinstance(old, dict):
            return old
        return self._override_under(names_read(self.release))

    @cached_property
    def unread_rope_override(self) -> dict[str, Any] | None:
        """RoPE settings under a name that this release does not read; None without, or beside some that it reads."""
        return None if self.rope_override else self._override_under(("rope_parameters", "rope_scaling"))

    def _override_under(self, names: Sequence[str]) -> dict[str, Any] | None:
        overrides = self.hf_overrides
        for body in (overrides, overrides.get("text_config") or {}):
            found = next((body[name] for name in names if body.get(name)), None) if isinstance(body, dict) else None
            if isinstance(found, dict):
                return found
        return None

    @cached_property
    def hf_overrides(self) -> dict[str, Any]:
        """`--hf-overrides` as a mapping; empty when there is none."""
        found = self.args.json("--hf-overrides")
        return found if isinstance(found, dict) else {}

    @cached_property
    def memory(self) -> MemoryEstimate | None:
        """What the estimator says of it on the host's cards; None without model, host, or a layout that starts."""
        if self.model is None or self.host is None:
            return None
        try:
            return estimate(self.model, self.host.gpu, self._options())
        except CloudgpuError:
            return None

    @property
    def counted_memory(self) -> MemoryEstimate | None:
        """`memory`, None where flags put weights or KV cache elsewhere than on one tensor parallel group."""
        shares_experts = self.model and self.model.architecture.expert_count and self.args.get("--data-parallel-size")
        if shares_experts or any(self.args.get(flag) for flag in _ELSEWHERE) or self.hf_overrides.keys() & _RESHAPING:
            return None
        return self.memory

    def at(self, flag: str) -> Place | None:
        """Where a flag stands, else the service."""
        found = self.args.get(flag)
        return found.at if found and found.at else self.service.at("command")

    def _from_hub(self, name: str) -> ModelSpec | None:
        facts = self.repositories.get(name)
        try:
            return model_from_config(facts.config, name) if facts and facts.config else None
        except CloudgpuError:
            return None

    def _options(self) -> ServingOptions:
        args = self.args
        cache = args.value("--kv-cache-dtype") or "auto"
        dtype = args.value("--dtype") or "auto"
        return ServingOptions(
            context_tokens=args.count("--max-model-len") or (self.model.max_context if self.model else None),
            kv_cache_dtype=cache if cache in KV_CACHE_DTYPES else "auto",
            dtype={"float": "float32"}.get(dtype, dtype),
            engine_version=self.version,
            gpu_memory_utilization=args.number("--gpu-memory-utilization"),
            max_num_seqs=args.count("--max-num-seqs"),
            max_num_batched_tokens=args.count("--max-num-batched-tokens"),
            tensor_parallel=self.tensor_parallel,
            pipeline_parallel=self.pipeline_parallel,
            enforce_eager=args.has("--enforce-eager"),
            rope_scaling_factor=self._factor(),
            expert_parallel=args.has("--enable-expert-parallel"),
            quantization=args.value("--quantization") if self.model and self.model.quantization is None else None,
            lora_rank=(args.count("--max-lora-rank") or 16) if args.has("--enable-lora") else None,
            max_loras=args.count("--max-loras") or 1,
            image_limit=self._image_limit(),
            max_pixels=self._max_pixels(),
        )

    def _image_limit(self) -> int | None:
        """Images a prompt; 0 where the encoder's peak is not counted. None: the engine's default of many."""
        if self.args.has("--skip-mm-profiling") or self.args.has("--language-model-only"):
            return 0
        limits = self.args.json("--limit-mm-per-prompt")
        images = limits.get("image") if isinstance(limits, dict) else None
        if isinstance(images, dict):
            images = images.get("count")
        return images if isinstance(images, int) else None

    def _max_pixels(self) -> int | None:
        found = self.args.json("--mm-processor-kwargs")
        pixels = found.get("max_pixels") if isinstance(found, dict) else None
        return pixels if isinstance(pixels, int) and pixels > 0 else None

    def _factor(self) -> float | None:
        factor = (self.rope_override or {}).get("factor")
        return float(factor) if isinstance(factor, int | float) and factor >= 1 else None


def _adapter(word: str) -> tuple[str, str] | None:
    if not word.startswith("{"):
        name, sign, path = word.partition("=")
        return (name, path) if sign else None
    try:
        body = json.loads(word)
        return str(body["name"]), str(body["path"])
    except (ValueError, KeyError, TypeError):
        return None
