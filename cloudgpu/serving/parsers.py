"""Which of vLLM's parsers reads a model's tool calls, and which its reasoning.

Sources: vLLM's documentation (tool calling, reasoning outputs) and the makers' model cards. A family's name is not
enough: a DeepSeek distillation has Qwen's architecture and DeepSeek's template. What is not certain is left out; every
parser named here stands in all releases from 0.11.0 on.
"""

from cloudgpu.base.errors import UsageError
from cloudgpu.sizing.engines import EngineProfile
from cloudgpu.sizing.model import ModelSpec

_OLDEST = (0, 11)

_TOOLS = (
    # families of the config, a part of the model's name that decides, its parser
    (("qwen3_5",), "", "qwen3_coder"),
    (("qwen3",), "coder", "qwen3_coder"),
    (("qwen2", "qwen3"), "qwen", "hermes"),
    (("llama",), "llama-3.1", "llama3_json"),
    (("llama",), "llama-3.2", "llama3_json"),
    (("llama",), "llama-3.3", "llama3_json"),
    (("llama4",), "", "llama4_pythonic"),
    (("mistral",), "v0.3", "mistral"),
    (("mistral",), "24", "mistral"),
    (("granite",), "granite-3", "granite"),
    (("internlm2",), "2_5", "internlm"),
    (("deepseek_v3",), "v3.1", "deepseek_v31"),
    (("deepseek_v3",), "", "deepseek_v3"),
    (("kimi_k2",), "", "kimi_k2"),
    (("glm4_moe",), "4.5", "glm45"),
    (("gpt_oss",), "", "openai"),
    (("phi3",), "phi-4-mini", "phi4_mini_json"),
)
_REASONING = (
    ((), "deepseek-r1", "deepseek_r1"),
    (("qwen2",), "qwq", "deepseek_r1"),
    (("qwen3",), "thinking", "deepseek_r1"),
    (("qwen3",), "instruct", None),
    (("qwen3",), "coder", None),
    (("qwen3",), "embedding", None),
    (("qwen3",), "", "qwen3"),
    (("glm4_moe",), "4.5", "glm45"),
    (("gpt_oss",), "", "openai_gptoss"),
    (("granite",), "3.3", "granite"),
)


def tool_parser(model: ModelSpec, profile: EngineProfile) -> str:
    """The value of --tool-call-parser. Raises UsageError for a model whose form of tool calls is not known."""
    found = None if "deepseek-r1-distill" in model.model_id.lower() else _found(_TOOLS, model)
    return _known(found, profile, "tools", f"it is not known which parser reads tool calls of {model.model_id}")


def reasoning_parser(model: ModelSpec, profile: EngineProfile) -> str:
    """The value of --reasoning-parser. Raises UsageError for a model that does not think, or whose form is not known.

    A parser on a model that never thinks swallows answers.
    """
    found = _found(_REASONING, model)
    return _known(found, profile, "reasoning", f"{model.model_id} is not known to write its reasoning apart")


def _found(table: tuple[tuple[tuple[str, ...], str, str | None], ...], model: ModelSpec) -> str | None:
    name = model.model_id.lower()
    return next(
        (
            parser
            for families, part, parser in table
            if part in name and (not families or _is_of(model.family, families))
        ),
        None,
    )


def _is_of(family: str, families: tuple[str, ...]) -> bool:
    """`qwen3` is also `qwen3_moe` and `qwen3_vl`, `llama` is not `llama4`, `mistral` is also `mistral3`."""
    return any(family == each or family.startswith((f"{each}_", f"{each}3")) for each in families)


def _known(parser: str | None, profile: EngineProfile, option: str, problem: str) -> str:
    if profile.name == "vllm" and profile.release < _OLDEST:
        raise UsageError(f"the parsers of vLLM {profile.version} are not known", hint="use 0.11.0 or later")
    if parser is None:
        raise UsageError(problem, hint=f"leave --{option} out, or name the parser in a template of your own")
    return parser
