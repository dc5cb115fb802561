"""The few constants between nominal figures and an engine's clock, each with what it means and where it is from.

Four are measured or follow from how an engine schedules, six were fitted once, by tests/accuracy/speed.py: to the rows
of vLLM and SGLang on H100 and H200 in the silicon sample of aiconfigurator-core 0.12.0 (Apache-2.0), on FIT_DATE.
"""

from dataclasses import dataclass, replace

FIT_DATE = "2026-11-21"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedConstants:
    """How an engine's steps differ from the nominal figures.

    `stream_share`, `cache_share`, `compute_share`, `link_share`: of the nominal bandwidth, peak and link that are
    reached. `unpacked_per_s`: 4-bit weights that Marlin unpacks a second at most. `prompt_share`: of the others'
    prompts, what falls between the tokens of a request. `tile_rows`: rows that an expert's work is padded to, 16 to 64
    by kernel. `kernel_s`: from one kernel of a CUDA graph to the next, `eager_kernel_s` without graphs. `step_s`:
    scheduling and sampling, once a step. `sequence_s`: for each sequence in it. `all_reduce_s`: start of one over
    NVLink, `pcie_all_reduce_s` over PCIe.
    """

    stream_share: float
    unpacked_per_s: float
    cache_share: float
    compute_share: float
    link_share: float
    prompt_share: float
    tile_rows: float
    kernel_s: float
    eager_kernel_s: float
    step_s: float
    sequence_s: float
    all_reduce_s: float
    pcie_all_reduce_s: float


_VLLM = SpeedConstants(
    stream_share=0.90,  # copies: 3.0 of 3.35 TB/s on H100, 4.3 of 4.8 on H200
    unpacked_per_s=3.6e12,  # Qwen2.5-14B-AWQ on H100, vLLM 0.25.1: 7.2 ms a token, where reading would make it 5.5
    cache_share=0.83,  # the same campaign: 128 against 32 sequences of Qwen2.5-14B
    compute_share=0.70,  # the same campaign: 24,000 prompt tokens a second of Qwen2.5-14B
    link_share=0.67,  # ring all-reduces of prompts over NVLink
    prompt_share=1.0,  # chunked prefill shares its steps with decoding: every other prompt falls between two tokens
    tile_rows=37,
    kernel_s=4.2e-6,
    eager_kernel_s=15e-6,  # assumed: what Python takes to launch one
    step_s=0.58e-3,
    sequence_s=5.5e-6,
    all_reduce_s=5.8e-6,
    pcie_all_reduce_s=25e-6,  # assumed: NCCL through host memory
)


def speed_constants(engine: str) -> SpeedConstants | None:
    """The constants of an engine, None for one whose speed nobody has measured for us."""
    return _BY_ENGINE.get(engine)


_BY_ENGINE = {
    "vllm": _VLLM,
    # SGLang runs waiting prompts first and together, so that about half of them fall before a request's first token.
    "sglang": replace(_VLLM, prompt_share=0.5, sequence_s=22e-6),
}
