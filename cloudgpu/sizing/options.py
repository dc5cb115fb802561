"""What is asked of the engine: context, concurrency, number formats, the split over GPUs."""

from dataclasses import dataclass

from cloudgpu.base.errors import UsageError
from cloudgpu.sizing.engines import EngineProfile, canonical_engine, engine_profile, llamacpp
from cloudgpu.sizing.engines.vllm import DEFAULT_VERSION

DEFAULT_CONTEXT_TOKENS = 8192
LARGEST_COUNT = 10**9
KV_CACHE_DTYPES = ("auto", "bfloat16", "float16", "fp8", "fp8_e4m3", "fp8_e5m2", "fp8_ds_mla")
DTYPES = ("auto", "bfloat16", "float16", "half", "float32")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingOptions:
    """How a model shall be served; what is None is left to us or to the engine.

    `context_tokens` None means the model's own limit or 8192, whichever is smaller: a long default context would refuse
    cards that serve most uses well. `gpu_memory_utilization`, `max_num_seqs` and `max_num_batched_tokens` None mean the
    engine's default for that release and card. `quantization` None serves the checkpoint as it is. `lora_rank` None
    means no adapter. `rope_scaling_factor` is YaRN's, None leaves it to the model's config and the context.
    `expert_parallel` shares whole experts out. `image_limit` is the most images of
    a prompt (None: the engine's default of many; 0: text only), `max_pixels` the largest image after resizing.
    `flash_attention` False is llama.cpp's `--flash-attn off`, other engines always have it.
    `speculative_tokens` are drafted by the model's own MTP layers, None drafts none.
    `concurrency` is the number of sequences of full context wanted at once; engines start without it.

    Raises UsageError for values that no engine takes.
    """

    context_tokens: int | None = None
    concurrency: int = 1
    quantization: str | None = None
    dtype: str = "auto"
    kv_cache_dtype: str = "auto"
    engine: str = "vllm"
    engine_version: str = DEFAULT_VERSION
    gpu_memory_utilization: float | None = None
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    enforce_eager: bool = False
    flash_attention: bool = True
    lora_rank: int | None = None
    max_loras: int = 1
    expert_parallel: bool = False
    rope_scaling_factor: float | None = None
    image_limit: int | None = None
    max_pixels: int | None = None
    speculative_tokens: int | None = None

    def __post_init__(self) -> None:
        for name in _COUNTS:
            _check_count(name, getattr(self, name))
        _check_share("gpu_memory_utilization", self.gpu_memory_utilization)
        _check_factor("rope_scaling_factor", self.rope_scaling_factor)
        _check_choice("dtype", self.dtype, DTYPES)
        _check_choice("kv_cache_dtype", self.kv_cache_dtype, KV_CACHE_DTYPES)
        _check_flash_attention(self)

    def profile(self) -> EngineProfile:
        """The rules of the engine's release. Raises UsageError for an engine or version we do not know."""
        return engine_profile(self.engine, self.engine_version)

    def context_for(self, max_context: int) -> int:
        """The context to plan for with a model whose own limit is `max_context` tokens."""
        return self.context_tokens or min(max_context, DEFAULT_CONTEXT_TOKENS)


_COUNTS = (
    "context_tokens",
    "concurrency",
    "max_num_seqs",
    "max_num_batched_tokens",
    "tensor_parallel",
    "pipeline_parallel",
    "lora_rank",
    "max_loras",
    "max_pixels",
    "speculative_tokens",
)


def _check_count(name: str, value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST_COUNT:
        raise UsageError(
            f"{_option(name)} must be a whole number from 1 to {LARGEST_COUNT}, not {value}",
            hint=f"leave {_option(name)} out for its default",
        )


def _check_flash_attention(options: ServingOptions) -> None:
    if options.flash_attention:
        return
    if canonical_engine(options.engine) != llamacpp.NAME:
        raise UsageError("only llama.cpp runs without flash attention", hint="leave --no-flash-attention out")
    if options.kv_cache_dtype.startswith("fp8"):
        raise UsageError(
            "llama.cpp quantises its cache with flash attention only", hint="use --kv-cache-dtype auto, or leave it on"
        )


def _check_share(name: str, value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise UsageError(
            f"{_option(name)} is a share of the card, not {value}",
            hint="give a number above 0 and up to 1, for example 0.90",
        )


def _check_factor(name: str, value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= 1000:
        raise UsageError(
            f"{_option(name)} must be a number from 1, not {value}", hint="YaRN factors are 2 or 4, mostly"
        )


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise UsageError(f"{_option(name)} {value!r} is not known", hint="one of " + ", ".join(choices))


def _option(name: str) -> str:
    """The option of the command line behind a field's name."""
    return "--context" if name == "context_tokens" else "--" + name.replace("_", "-")
