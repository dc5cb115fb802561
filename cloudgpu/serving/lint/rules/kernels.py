"""Formats against types and kernels: V52 to V54."""

from collections.abc import Iterator

from cloudgpu.serving.lint.case import Case
from cloudgpu.serving.lint.finding import Edit, Hit, Severity
from cloudgpu.serving.lint.rule import rule

_PLAIN = ("awq", "gptq")
_PLAIN_AWQ_UNTIL, _HALF_MXFP4_UNTIL = (0, 23, 0), (0, 33, 0)
"""The last releases that were seen to refuse the type."""

_BNB_WHOLE_UNTIL = (0, 11, 0)
"""The last release whose source was seen to refuse a split."""

_BNB_ENDINGS = ("-bnb-4bit", "-bnb-8bit", "-bnb-4bits")


@rule("V52", Severity.NOTE, "older kernel asked for by name", versions="< 0.33", source="vllm issue 21376")
def slow_kernel(case: Case) -> Iterator[Hit]:
    """`--quantization awq` keeps the plain kernel where Marlin would serve."""
    asked = case.args.value("--quantization")
    if asked in _PLAIN and case.release < (0, 33):
        yield Hit(
            message=f"--quantization {asked} keeps the plain kernel; without it the engine takes Marlin where it can",
            fix="drop it", at=case.at("--quantization"), edits=(Edit(flag="--quantization"),),
        )  # fmt: skip


@rule("V53", Severity.ERROR, "type that the quantisation's kernel does not compute", versions="by type",
      source="config validation of vLLM 0.11.0 to 0.33.0 run")  # fmt: skip
def wrong_type(case: Case) -> Iterator[Hit]:
    """Plain AWQ computes in float16 only, MXFP4 in bfloat16 only."""
    dtype, asked = case.args.value("--dtype"), case.args.value("--quantization")
    stored = case.model.quantization if case.model else None
    awq = asked == "awq" and dtype == "bfloat16"
    mxfp4 = "mxfp4" in (asked, stored) and dtype in ("half", "float16")
    if awq or mxfp4:
        right = "float16" if awq else "bfloat16"
        yield Hit(
            message=f"{'AWQ' if awq else 'MXFP4'} is computed in {right}: --dtype {dtype} is refused",
            fix="drop --dtype", at=case.at("--dtype"), edits=(Edit(flag="--dtype"),),
            severity=None if case.release <= (_PLAIN_AWQ_UNTIL if awq else _HALF_MXFP4_UNTIL) else Severity.WARNING,
        )  # fmt: skip


@rule("V54", Severity.ERROR, "bitsandbytes checkpoint over several GPUs", versions="< 0.28",
      source="vLLM 0.6.6 to 0.11.0: prequant BitsAndBytes with tensor parallel; vllm issue 14449")  # fmt: skip
def split_bitsandbytes(case: Case) -> Iterator[Hit]:
    """Checkpoints that bitsandbytes stored are refused with tensor parallel up to 0.11.0; pipeline parallel serves."""
    known = case.model is not None and (case.model.quantization or "").startswith("bitsandbytes")
    stored = known or (case.model_name or "").lower().endswith(_BNB_ENDINGS)
    if stored and case.tensor_parallel > 1 and case.release < (0, 28):
        yield Hit(
            message="a checkpoint that bitsandbytes stored is not split over GPUs by "
            + ("this release" if case.release <= _BNB_WHOLE_UNTIL else "every release"),
            fix="use --pipeline-parallel-size, or an AWQ checkpoint", at=case.at("--tensor-parallel-size"),
            severity=None if case.release <= _BNB_WHOLE_UNTIL else Severity.WARNING,
        )  # fmt: skip
