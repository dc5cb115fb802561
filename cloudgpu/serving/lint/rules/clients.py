"""What those who call the server will meet: O11, S10, V49 to V51."""

from collections.abc import Iterator

from cloudgpu.serving.lint.case import Case
from cloudgpu.serving.lint.finding import Edit, Hit, Severity
from cloudgpu.serving.lint.rule import rule

_NEVER_THINKS = ("qwen2", "qwen2_5", "llama", "mistral", "mixtral", "phi3", "gemma2", "gemma3")
_BASE_ENDINGS = ("-base", "-pt", "-v0.1", "-v0.3")


@rule("O11", Severity.WARNING, "clients that ask for another model name", source="vLLM: 404, the model does not exist")
def other_name(case: Case) -> Iterator[Hit]:
    """Another service of the file names the repository, and the server answers to --served-model-name alone."""
    served = case.args.get("--served-model-name")
    if served is None or case.model_name is None or case.model_name in served.values:
        return
    for other in case.others:
        for name, value in other.environment.items():
            if "MODEL" in name.upper() and value == case.model_name and case.service.name != other.name:
                yield Hit(
                    message=f"{other.name} asks for {value} ({name}), and the server answers to "
                    f"{', '.join(served.values)} alone", fix=f"set {name} to {served.values[0]}", at=served.at,
                )  # fmt: skip


@rule("S10", Severity.NOTE, "key that travels in clear text", source="HTTP")
def key_over_http(case: Case) -> Iterator[Hit]:
    """Without TLS everybody on the way reads the key and the answers."""
    has_key = case.args.get("--api-key") or "VLLM_API_KEY" in case.service.environment
    proxied = any("443" in (container, host) for other in case.others for host, container in other.ports)
    if case.service.published and has_key and not case.args.get("--ssl-keyfile") and not proxied:
        yield Hit(message="the port speaks plain HTTP: the key travels in clear text",
                  fix="put a proxy with TLS in front, or tunnel the port", at=case.service.at("ports"))  # fmt: skip


@rule("V49", Severity.NOTE, "tool parser that nobody turned on", source="vLLM documentation, tool calling")
def parser_without_choice(case: Case) -> Iterator[Hit]:
    """`tool_choice: auto` is refused without --enable-auto-tool-choice."""
    if case.args.get("--tool-call-parser") and not case.args.has("--enable-auto-tool-choice"):
        yield Hit(
            message="--tool-call-parser without --enable-auto-tool-choice: requests with tool_choice auto are refused",
            fix="add --enable-auto-tool-choice", at=case.at("--tool-call-parser"),
            edits=(Edit(flag="--enable-auto-tool-choice", bare=True),),
        )  # fmt: skip


@rule("V50", Severity.WARNING, "reasoning parser for a model that never thinks", source="vllm issue 23315")
def parser_for_no_thoughts(case: Case) -> Iterator[Hit]:
    """It waits for the end of thoughts that never begin: structured output is ignored until then."""
    family, name = (case.model.family.lower() if case.model else ""), (case.model_name or "").lower()
    thinks = any(word in name for word in ("r1", "qwq", "think", "reason", "magistral", "marco", "deepseek"))
    if case.args.get("--reasoning-parser") and family in _NEVER_THINKS and not thinks:
        yield Hit(
            message=f"{case.model_name} never thinks: with --reasoning-parser structured output is ignored",
            fix="drop it", at=case.at("--reasoning-parser"), edits=(Edit(flag="--reasoning-parser"),),
        )  # fmt: skip


@rule("V51", Severity.NOTE, "base model without a chat template", source="transformers 4.44: no default template")
def no_chat_template(case: Case) -> Iterator[Hit]:
    """/v1/chat/completions is refused where the checkpoint brings no template."""
    name = (case.model_name or "").lower()
    if case.model_name in case.repositories:  # then V59 knows
        return
    told = case.args.get("--chat-template") or case.args.get("--runner") or case.args.get("--task")
    if name.endswith(_BASE_ENDINGS) and "instruct" not in name and "chat" not in name and "/" in name and not told:
        yield Hit(message=f"{case.model_name} looks like a base model: chat is refused without a chat template",
                  fix="serve the instruct model, or add --chat-template", at=case.at("--model"))  # fmt: skip
