"""What somebody wants to run together, and on which cards."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cloudgpu.sizing.engines.vllm import DEFAULT_VERSION
from cloudgpu.sizing.gpus import GpuSpec
from cloudgpu.sizing.model import ModelSpec

VLLM, LLAMA_CPP, TRANSFORMERS, OTHER = "vllm", "llama.cpp", "transformers", "other"
ENGINES = (VLLM, TRANSFORMERS, LLAMA_CPP, OTHER)
"""vLLM fills a share of the card; the others take what they need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One model, or one program of known size (`engine` "other", `memory_gib`).

    Servers: `context`, `concurrency` and the options of `ServingOptions`. Transformers: `batch` sequences of `sequence`
    tokens at once, `new_tokens` written after each. `process` names a program that several entries share, None is one
    of its own. `gpus` pins it to cards, counted from 0; `tensor_parallel` shares it out over so many. `stated_gib`
    (least, most) is what its author reckoned with; `settings` what they planned to set besides. `typed` is the model's
    name as they wrote it.
    """

    name: str
    engine: str
    typed: str = ""
    model: ModelSpec | None = None
    dtype: str | None = None
    quantization: str | None = None
    kv_cache_dtype: str = "auto"
    context: int | None = None
    concurrency: int = 1
    batch: int = 1
    sequence: int = 512
    new_tokens: int = 256
    attention: str = "sdpa"
    memory_gib: float = 0.0
    process: str | None = None
    gpus: tuple[int, ...] = ()
    tensor_parallel: int = 1
    gpu_memory_utilization: float | None = None
    engine_version: str = DEFAULT_VERSION
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    enforce_eager: bool = False
    lora_rank: int | None = None
    stated_gib: tuple[float, float] | None = None
    settings: Mapping[str, object] = field(default_factory=dict)

    @property
    def takes_share(self) -> bool:
        """Whether it is a server that fills a share of the card whatever it needs."""
        return self.engine == VLLM

    @property
    def is_server(self) -> bool:
        """Whether an inference server runs it, with a context and a concurrency instead of batches."""
        return self.engine in (VLLM, LLAMA_CPP)

    @property
    def is_encoder(self) -> bool:
        """Whether it embeds or classifies and writes nothing."""
        return self.model is not None and self.model.is_encoder

    @property
    def program(self) -> str:
        """The process it runs in."""
        return self.process or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Entries in the order in which they start. `reserve_gib` is what each card keeps for others (a display, say).

    `stated_total_gib`, `stated_free_gib` and `stated_working_gib` are the author's own sum, rest and buffers apart from
    the models, None when they gave none.
    """

    title: str
    cards: tuple[GpuSpec, ...]
    entries: tuple[Entry, ...]
    reserve_gib: float = 0.0
    stated_total_gib: float | None = None
    stated_free_gib: float | None = None
    stated_working_gib: tuple[float, float] | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
