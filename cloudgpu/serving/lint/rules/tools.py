"""Tool calls and reasoning: V31 to V34."""

from collections.abc import Iterator

from cloudgpu.serving.lint.case import Case
from cloudgpu.serving.lint.finding import Edit, Hit, Severity
from cloudgpu.serving.lint.releases.flag_table import NEWEST, release_of
from cloudgpu.serving.lint.releases.parser_names import is_unheard, may_exist
from cloudgpu.serving.lint.rule import rule

_TOOL_FAMILIES = {
    "granite": ("granite",), "granite-20b-fc": ("granite",), "mistral": ("mistral", "mixtral", "pixtral", "ministral"),
    "llama3_json": ("llama",), "llama4_json": ("llama4",), "llama4_pythonic": ("llama4",), "jamba": ("jamba",),
    "internlm": ("internlm",), "deepseek_v3": ("deepseek",), "deepseek_v31": ("deepseek",), "kimi_k2": ("kimi",),
    "glm45": ("glm",), "minimax": ("minimax",), "minimax_m2": ("minimax",), "phi4_mini_json": ("phi",),
}  # fmt: skip
_FOR_QWEN = "hermes"


@rule("V31", Severity.ERROR, "automatic tool choice without a parser", source="vLLM source")
def tools_without_parser(case: Case) -> Iterator[Hit]:
    """The server ends at once: --enable-auto-tool-choice needs --tool-call-parser, and a parser must exist."""
    alone = not case.args.get("--tool-call-parser") and not case.args.has_unseen
    if case.args.has("--enable-auto-tool-choice") and alone:
        yield Hit(
            message="--enable-auto-tool-choice needs --tool-call-parser: the server ends at start",
            fix="name the parser of the model's family, or drop the flag", at=case.at("--enable-auto-tool-choice"),
            edits=(Edit(flag="--enable-auto-tool-choice"),),
        )  # fmt: skip
    for flag, plugin in (("--tool-call-parser", "--tool-parser-plugin"),
                         ("--reasoning-parser", "--reasoning-parser-plugin")):  # fmt: skip
        value = case.args.value(flag)
        needed = flag == "--reasoning-parser" or case.args.has("--enable-auto-tool-choice")
        if value and needed and not case.args.get(plugin) and not may_exist(flag, value, case.release):
            yield Hit(
                message=f"vLLM {case.version} has no parser of the name {value} for {flag}: the server ends at start",
                fix="name the parser of the model's family", at=case.at(flag),
                severity=Severity.WARNING if _is_doubtful(case, flag, value) else None,
            )  # fmt: skip


@rule("V32", Severity.WARNING, "tool parser of another family", source="model cards; vLLM's parsers")
def foreign_tool_parser(case: Case) -> Iterator[Hit]:
    """It starts, and every tool call comes back as plain text."""
    parser, family = case.args.value("--tool-call-parser"), _family(case)
    if parser not in _TOOL_FAMILIES or family is None or family.startswith(_TOOL_FAMILIES[parser]):
        return
    right = _right_parser(case)
    yield Hit(
        message=f"--tool-call-parser {parser} does not read {case.model_name}'s calls: they come back as text",
        fix=f"use {right}" if right else "use the parser of the model's own family", at=case.at("--tool-call-parser"),
        edits=(Edit(flag="--tool-call-parser", value=right),) if right else (),
    )  # fmt: skip


@rule("V33", Severity.WARNING, "reasoning parser that swallows Qwen3's answers", source="vllm issues 19839, 17369")
def deepseek_parser_on_qwen3(case: Case) -> Iterator[Hit]:
    """With thinking off the whole answer lands in the reasoning field, and content is null."""
    family, name = _family(case) or "", (case.model_name or "").lower()
    hybrid = family.startswith("qwen3") and "thinking" not in name
    if case.args.value("--reasoning-parser") == "deepseek_r1" and hybrid:
        yield Hit(
            message=f"deepseek_r1 on {case.model_name}: with thinking off the answer is taken for reasoning",
            fix="use --reasoning-parser qwen3", at=case.at("--reasoning-parser"),
            edits=(Edit(flag="--reasoning-parser", value="qwen3"),),
        )  # fmt: skip


@rule("V34", Severity.NOTE, "reasoning field that changed its name", versions=">= 0.16", source="vLLM source")
def reasoning_field(case: Case) -> Iterator[Hit]:
    """`reasoning_content` until 0.11.0, both to 0.15, only `reasoning` since 0.16."""
    if case.args.value("--reasoning-parser") and case.release >= (0, 16):
        yield Hit(message="since 0.16 answers carry `reasoning`, no longer `reasoning_content`: clients must know",
                  at=case.at("--reasoning-parser"))  # fmt: skip


def _is_doubtful(case: Case, flag: str, parser: str) -> bool:
    """A guessed release may have any name that was heard, one that is newer than those that were read any at all."""
    return not is_unheard(flag, parser) if case.is_guessed else case.release > release_of(NEWEST)


def _family(case: Case) -> str | None:
    return case.model.family.lower() if case.model else None


def _right_parser(case: Case) -> str | None:
    family, name = _family(case) or "", (case.model_name or "").lower()
    if family.startswith("qwen"):
        return "qwen3_coder" if "coder" in name and family.startswith("qwen3") else _FOR_QWEN
    return next((parser for parser, families in _TOOL_FAMILIES.items() if family.startswith(families)), None)
