"""Who can reach it, and what they can do there: S01 to S06, S08, S09, S11."""

import re
from collections.abc import Iterator

from cloudgpu.serving.lint.case import Case
from cloudgpu.serving.lint.finding import Edit, Hit, Place, Severity
from cloudgpu.serving.lint.other_engines import other_engine
from cloudgpu.serving.lint.reading.variables import UNKNOWN
from cloudgpu.serving.lint.rule import rule

_SOURCE = "vLLM documentation, security"
_SECRET_NAMES = re.compile(r"(TOKEN|API_KEY|ACCESS_KEY|SECRET_KEY|SECRET|PASSWORD|PASSWD)$")
_LITERAL = re.compile(r"^(hf_[A-Za-z0-9]{10,}|sk-[\w-]{10,}|.{6,})$")
_PLACEHOLDERS = re.compile(r"(your[_-]|changeme|test-key|example|<|xxx|dummy|placeholder)", re.IGNORECASE)

_KEY_FROM_ENVIRONMENT = Edit(flag="VLLM_API_KEY", value="${VLLM_API_KEY:?set a key}", environment=True)


@rule("S01", Severity.ERROR, "published without a key", source=_SOURCE)
def no_key(case: Case) -> Iterator[Hit]:
    """Anybody who finds the port uses the GPUs, and reads what others ask. What nobody can see may hold the key."""
    if case.service.published and not _has_key(case):
        unseen = case.service.has_env_file or case.args.has_unseen
        yield Hit(
            message="a port is published and no API key is set: anybody who finds it can use it",
            fix="set VLLM_API_KEY in the environment, or bind the port to 127.0.0.1", at=case.service.at("ports"),
            edits=() if unseen else (_KEY_FROM_ENVIRONMENT,), severity=Severity.WARNING if unseen else None,
        )  # fmt: skip


@rule("S02", Severity.WARNING, "paths that the key does not guard", source=_SOURCE)
def unguarded_paths(case: Case) -> Iterator[Hit]:
    """The key guards /v1 (and its like) alone; /invocations runs inference without one."""
    if case.service.published and _has_key(case):
        yield Hit(
            message="the key guards /v1 only: /invocations, /score, /pooling, /tokenize and /metrics stay open",
            fix="put a proxy with a list of allowed paths in front, or tunnel the port", at=case.service.at("ports"),
        )  # fmt: skip


@rule("S03", Severity.ERROR, "/pause open to everybody", versions="0.12 to 0.22", source="vLLM source")
def open_pause(case: Case) -> Iterator[Hit]:
    """These releases let anybody stop the engine."""
    if case.service.published and (0, 12) <= case.release < (0, 23):
        yield Hit(
            message=f"vLLM {case.version} lets anybody who reaches the port stop it by POST /pause, key or not",
            fix="use 0.23 or later, or a proxy in front", at=case.service.at("ports"),
            severity=None if case.is_known else Severity.WARNING,
        )  # fmt: skip


@rule("S04", Severity.ERROR, "development endpoints in public", source=_SOURCE)
def dev_mode(case: Case) -> Iterator[Hit]:
    """/collective_rpc and /sleep without a key."""
    if case.service.published and case.service.environment.get("VLLM_SERVER_DEV_MODE", "") in ("1", "true", "True"):
        yield Hit(message="VLLM_SERVER_DEV_MODE opens /collective_rpc and /sleep to everybody",
                  fix="drop it", at=case.service.at("environment"))  # fmt: skip


@rule("S05", Severity.WARNING, "code or adapters from strangers", source=_SOURCE)
def foreign_code(case: Case) -> Iterator[Hit]:
    """What runs code of a repository, or loads adapters on request, in front of everybody."""
    if not case.service.published:
        return
    if case.service.environment.get("VLLM_ALLOW_RUNTIME_LORA_UPDATING", "").lower() in ("1", "true"):
        yield Hit(message="VLLM_ALLOW_RUNTIME_LORA_UPDATING lets clients load any adapter", fix="drop it in production",
                  at=case.service.at("environment"), severity=Severity.ERROR)  # fmt: skip
    for flag in ("--trust-request-chat-template", "--trust-request-mm-kwargs"):
        if case.args.has(flag):
            yield Hit(message=f"{flag} lets every client run its own template", fix="drop it", at=case.at(flag),
                      severity=Severity.ERROR)  # fmt: skip
    if case.args.value("--tool-server") == "demo":
        yield Hit(message="--tool-server demo runs the Python that clients' answers contain", fix="drop it",
                  at=case.at("--tool-server"), severity=Severity.ERROR)  # fmt: skip
    if case.args.has("--trust-remote-code"):
        yield Hit(message="--trust-remote-code runs the repository's own code: pin its revision", fix="add --revision",
                  at=case.at("--trust-remote-code"), severity=Severity.NOTE)  # fmt: skip


@rule("S06", Severity.WARNING, "key among the arguments", versions="all; printed in the log up to 0.28",
      source="vLLM source")  # fmt: skip
def key_in_arguments(case: Case) -> Iterator[Hit]:
    """Process lists and `docker inspect` show it; the start log does too up to 0.28."""
    if case.args.get("--api-key"):
        logged = ", and the engine's log" if case.release < (0, 29) else ""
        yield Hit(message=f"--api-key shows the key to process lists and `docker inspect`{logged}",
                  fix="use VLLM_API_KEY in the environment", at=case.at("--api-key"))  # fmt: skip


@rule("S08", Severity.NOTE, "browsers and CORS", versions="by release", source="vLLM source")
def cors(case: Case) -> Iterator[Hit]:
    """`*` by default until 0.31, nothing since 0.32."""
    if case.service.published and case.release < (0, 32) and not case.args.get("--allowed-origins"):
        yield Hit(message="any web page may call this server from a visitor's browser (CORS `*`)",
                  fix="""add --allowed-origins '["https://your.site"]'""", at=case.service.at("command"))  # fmt: skip


@rule("S09", Severity.WARNING, "secret written in the file", source="users' profiles")
def literal_secret(case: Case) -> Iterator[Hit]:
    """A literal token ends in a repository sooner or later; a placeholder ends in production."""
    values = {
        name: value
        for name, value in case.service.environment.items()
        if _SECRET_NAMES.search(name) and name not in case.service.from_files
    }
    key = case.args.value("--api-key")
    for name, value in {**values, **({"--api-key": key} if key else {})}.items():
        if not value or UNKNOWN in value or value.startswith("$"):
            continue
        if _PLACEHOLDERS.search(value):
            yield Hit(message=f"{name} holds a placeholder", fix=_kept_elsewhere(case, name),
                      at=_secret_place(case, name))  # fmt: skip
        elif _LITERAL.match(value):
            yield Hit(message=f"{name} stands in plain text in the file", fix=_kept_elsewhere(case, name),
                      at=_secret_place(case, name))  # fmt: skip


@rule("S11", Severity.ERROR, "another engine published without a key", source="SGLang and llama.cpp, server arguments")
def no_key_of_another_engine(case: Case) -> Iterator[Hit]:
    """SGLang and llama.cpp take --api-key as vLLM does. Of engines that know no key nothing is said."""
    engine = other_engine(case.service)
    keyed = any(name.endswith("API_KEY") for name in case.service.environment)
    told = any(word.text.startswith(("--api-key", "--config")) or UNKNOWN in word.text for word in case.service.words)
    if engine in ("SGLang", "llama.cpp") and case.service.published and not keyed and not told:
        yield Hit(
            message=f"a port of {engine} is published and no API key is set: anybody who finds it can use it",
            fix="add --api-key, or bind the port to 127.0.0.1", at=case.service.at("ports"),
            severity=Severity.WARNING if case.service.has_env_file else None,
        )  # fmt: skip


def _kept_elsewhere(case: Case, name: str) -> str:
    """Templates of rented machines read no variable of the shell that starts them."""
    if not case.service.is_rented:
        return "take it from the environment: ${NAME}"
    secret = "hf_token" if name.startswith("HF_") or "HUGGING" in name else None
    if secret:
        return f"write {name}: {{secret: {secret}}}"
    return f"declare it below `variables`, write {{{name}}}, and set it with --set"


def _secret_place(case: Case, name: str) -> Place | None:
    if name.startswith("--"):
        return case.at(name)
    return case.service.places.get(f"environment.{name}") or case.service.at("environment")


def _has_key(case: Case) -> bool:
    return bool(case.args.get("--api-key") or "VLLM_API_KEY" in case.service.environment)
