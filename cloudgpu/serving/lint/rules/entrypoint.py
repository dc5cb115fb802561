"""What starts the server, and what that takes: V08, V09, V61, V68."""

from collections.abc import Iterator

from cloudgpu.serving.lint.case import Case
from cloudgpu.serving.lint.finding import Hit, Severity
from cloudgpu.serving.lint.reading.variables import UNKNOWN
from cloudgpu.serving.lint.releases.flag_table import release_of
from cloudgpu.serving.lint.rule import rule

DEMONSTRATION = "vllm.entrypoints.api_server"
"""The module of the plain demonstration server, beside that of the OpenAI server."""

_WITHOUT_DEMONSTRATION = release_of("0.25.1")
"""The first release that was seen to lack it."""

_OF_THE_OPENAI_SERVER = frozenset({
    "--allow-credentials", "--allowed-headers", "--allowed-methods", "--allowed-origins", "--api-key",
    "--chat-template", "--chat-template-content-format", "--disable-frontend-multiprocessing",
    "--enable-auto-tool-choice", "--enable-prompt-tokens-details", "--lora-modules", "--middleware",
    "--prompt-adapters", "--response-role", "--return-tokens-as-token-ids", "--tool-call-parser",
    "--tool-parser-plugin", "--uvicorn-log-level",
})  # fmt: skip


@rule("V08", Severity.WARNING, "`vllm serve` repeated behind an image that is it already", versions=">= 0.9",
      source="vllm issues 22072, 27389, 37133; vLLM 0.14.1, 0.18.1, 0.25.1 and 0.33.0 run")  # fmt: skip
def repeated_subcommand(case: Case) -> Iterator[Hit]:
    """The official image starts the server by itself: up to 0.11.0 and since 0.14 a second `serve` is refused."""
    again = case.args.subcommand
    shell = case.service.shell
    if shell and case.is_official and not _has_own_entrypoint(case):
        yield Hit(
            message=f"the image starts the server itself and takes `{shell.text} -c …` for its arguments",
            fix="give the shell as `entrypoint`, or drop it", at=shell.at, severity=Severity.ERROR,
        )  # fmt: skip
    elif again and case.service.is_container and case.is_official and not _has_own_entrypoint(case):
        by_module = case.release <= release_of("0.11.0") and case.args.model is not None
        certain = case.is_known and (by_module or case.release >= (0, 14))
        yield Hit(
            message="the image's entrypoint is `vllm serve` already; the command repeats it",
            fix="begin the command with the model or its first flag", at=again.at,
            severity=Severity.ERROR if certain else None,
        )  # fmt: skip


@rule("V09", Severity.WARNING, "positional model that an old entrypoint ignores", versions="< 0.14",
      source="vllm issue 32292")  # fmt: skip
def ignored_model(case: Case) -> Iterator[Hit]:
    """The api_server module reads `--model` only: a bare name is dropped and its default model served."""
    ignored = case.args.module or (starts_by_module(case) and not case.args.subcommand)
    if case.args.model and UNKNOWN not in case.args.model.text and ignored and not case.args.get("--model"):
        if case.args.model.text == "vllm" and any(word.text == "serve" for word in case.args.strays[:1]):
            yield Hit(
                message="this entrypoint starts the server already: `vllm serve` behind it is no part of its arguments",
                fix="drop `vllm serve`, and name the model by --model", at=case.args.model.at,
            )  # fmt: skip
            return
        yield Hit(
            message=f"`{case.args.model.text}` without --model is ignored by this entrypoint: another model is served",
            fix=f"write --model {case.args.model.text}", at=case.args.model.at,
        )  # fmt: skip


@rule("V61", Severity.ERROR, "model behind `vllm serve` named by --model", versions="0.11.0",
      source="vLLM 0.11.0 run; 0.14.1 and 0.33.0 only warn")  # fmt: skip
def model_by_flag(case: Case) -> Iterator[Hit]:
    """`vllm serve` of that release takes the model as its positional argument alone, and says so."""
    named = case.args.get("--model")
    if case.release != (0, 11, 0) or not case.args.subcommand or starts_by_module(case) or named is None:
        return
    if named.value and named.written == "--model" and not named.joined:
        yield Hit(
            message="`vllm serve` of 0.11.0 refuses --model: it takes the model as its first word",
            fix=f"write vllm serve {named.value}", at=named.at,
        )  # fmt: skip


@rule("V68", Severity.ERROR, "demonstration server asked for what the OpenAI server does", versions="by flag",
      source="vLLM 0.6.2 to 0.25.1: vllm/entrypoints/api_server.py; vllm issue 2909")  # fmt: skip
def demonstration_server(case: Case) -> Iterator[Hit]:
    """`vllm.entrypoints.api_server` has the engine's flags and no more, speaks no OpenAI API, and left the releases."""
    if case.args.module != DEMONSTRATION:
        return
    fix = "start vllm.entrypoints.openai.api_server"
    if case.release >= _WITHOUT_DEMONSTRATION:
        yield Hit(message=f"vLLM {case.version} has no {DEMONSTRATION}", fix=fix, at=case.service.at("command"))
        return
    for each in case.args.flags:
        if each.flag in _OF_THE_OPENAI_SERVER:
            yield Hit(message=f"{DEMONSTRATION} has no {each.written}: that is the OpenAI server's", fix=fix,
                      at=each.at)  # fmt: skip


def starts_by_module(case: Case) -> bool:
    """Official images before 0.14 start the api_server module, not `vllm serve`."""
    return case.is_official and case.is_known and case.release < (0, 14) and not _has_own_entrypoint(case)


def _has_own_entrypoint(case: Case) -> bool:
    return "entrypoint" in case.service.places
