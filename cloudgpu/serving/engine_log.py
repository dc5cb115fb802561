"""What an engine's log says: how far the start has come, and lines after which it will never serve.

The texts are vLLM's, stable over the releases 0.8 to 0.33, and llama.cpp's, seen in build 11434.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fatal:
    """A line that ends the hope of a start, with what to do about it.

    `blames_machine`: the same might start on another machine of that kind. `blames_card`: only a card of another kind
    may do. `blames_launch`: it starts nowhere as it is.
    """

    line: str
    remedy: str
    blames_machine: bool
    blames_card: bool
    blames_launch: bool


def phase_of(log: str) -> tuple[str, str]:
    """The newest phase that the log tells of and what it says about it; ("starting", "") when it says nothing yet.

    Phases in their order: starting, downloading, loading, compiling, capturing graphs, serving.
    """
    for line in reversed(log.splitlines()):
        for text, phase, detail in _PHASES:
            found = text.search(line)
            if found:
                return phase, detail.format(*map(_value, found.groups()))
    return "starting", ""


def fatal_in(log: str) -> Fatal | None:
    """The first fatal line that says something; None when there is none."""
    lines = list(_without_an_end_asked_for(log))
    found = [(index, remedy, line) for line in lines for index, remedy in _match(line)]
    if not found:
        return None
    _, remedy, line = min(found, key=lambda item: item[0])
    if remedy == _UNKNOWN:
        line = _cause(lines) or line
    return Fatal(_short(line), remedy, remedy.endswith(_ANOTHER), remedy in _THE_CARD, remedy in _THE_LAUNCH)


def _without_an_end_asked_for(log: str) -> Iterator[str]:
    """The lines, less those in which an engine calls itself dead that a signal ended, until it starts again.

    vLLM 0.25.1 in good health does so at every SIGTERM, as whoever stops the machine sends it.
    """
    ends = False
    for line in log.splitlines():
        ends = bool(_ASKED_TO_END.search(line)) or (ends and not _BEGINS.search(line))
        if not (ends and _DEAD in line):
            yield line


def _cause(lines: list[str]) -> str | None:
    """The last error that says more than that the engine failed, whatever it is; None without one."""
    return next((line for line in reversed(lines) if _ERROR.search(line) and not _match(line)), None)


def _value(group: str) -> float | str:
    """A number as a number, which the phase's words round; other words as they stand."""
    return float(group) if re.fullmatch(r"\d+(\.\d+)?", group) else group.strip()


def _match(line: str) -> list[tuple[int, str]]:
    return [(index, remedy) for index, (text, remedy) in enumerate(_FATAL) if text.search(line)][:1]


def _short(line: str) -> str:
    plain = re.sub(r"^(\(\w+[^)]*\)\s*)?((INFO|ERROR|WARNING)\s[^\]]*\]\s*)?", "", line.strip())
    return plain if len(plain) <= 300 else plain[:297] + "..."


_PHASES = tuple(
    (re.compile(text), phase, detail)
    for text, phase, detail in (
        (r"Application startup complete", "serving", ""),
        (r"llama_server: listening on|server is listening on", "serving", ""),
        (r"Starting vLLM (?:API )?server", "serving", "opening the port"),
        (r"init engine .*took (\d+(?:\.\d+)?)", "warming up", "engine ready after {0:.0f} s"),
        (r"Graph capturing finished", "capturing graphs", "done"),
        (r"Capturing CUDA graphs.*?(\d+%)", "capturing graphs", "{0}"),
        (r"GPU KV cache size: ([\d,]+) tokens", "capturing graphs", "room for {0} tokens"),
        (r"Available KV cache memory: (\d+(?:\.\d+)?) GiB", "compiling", "{0:.1f} GiB for the context"),
        (r"torch\.compile (?:takes|took) (\d+(?:\.\d+)?)", "compiling", "compiled in {0:.0f} s"),
        (r"Dynamo bytecode transform time", "compiling", ""),
        (r"Model loading took (\d+(?:\.\d+)?) (GiB|GB)", "compiling", "{0:.1f} {1} of weights loaded"),
        (r"Loading safetensors checkpoint shards:\s*(\d+%)", "loading", "weights {0}"),
        (r"Time spent downloading weights for \S+: (\d+(?:\.\d+)?) s", "loading", "downloaded in {0:.0f} s"),
        (r"initializing, n_slots = (\d+), n_ctx_slot = (\d+)", "warming up", "{0:.0f} sequences of {1:.0f} tokens"),
        (r"load_model: loading model '([^']+)'", "loading", "{0}"),
        (r"Starting to load model (\S+?)(?:\.\.\.)?$", "downloading", "{0}"),
        (r"Resolved architecture|non-default args|Using max model len", "starting", "engine is reading its settings"),
    )
)

_BEGINS = re.compile(r"non-default args")
_ASKED_TO_END = re.compile(
    r"\[shutdown\] (?:API server: shutdown triggered|EngineCore: trigger received signal)"
    r"|[Ss]hutting down FastAPI HTTP server"  # up to 0.18 the only word of it
)
"""What the server says of a signal, never of a failure of its own (`launcher.py` of vLLM 0.18 to 0.30)."""

_DEAD = "EngineDeadError"
_ANOTHER = "another machine may do"
_OLD_CARD = "the card is too old for this engine release"
_GATED = "the model is gated: accept its licence on the Hub, set HF_TOKEN and add --send-hf-token"
_NO_OPTION = "the engine release does not know this option"
_SETTINGS = "the engine refuses these settings"
_TOO_LONG = "the context is longer than the model takes: a shorter --context, or YaRN (--rope-scaling-factor)"
_UNKNOWN = "judge what it was started with: cloudgpu lint MODEL; another --engine-version may do"
_ERROR = re.compile(r"\b[A-Z]\w*(?:Error|Exception): \S")
_FIT = "it does not fit: choose a larger card, a shorter --context, or a --quantization (cloudgpu estimate shows which)"
_FATAL = tuple(
    (re.compile(text), remedy)
    for text, remedy in (
        (r"To serve at least one request", _FIT),
        (r"No available memory for the cache blocks", _FIT),
        (r"Free memory on device", f"the card is not empty or too small: {_ANOTHER}"),
        (r"CUDA out of memory|OutOfMemoryError|cudaMalloc failed: out of memory", _FIT),
        (r"unrecognized arguments|invalid choice|argument error|error: invalid argument|error while handling argument",
         _NO_OPTION),
        (r"error loading model: ", "the file is incomplete, or of a kind that this engine release cannot read"),
        (r"GatedRepo|401 Client Error|403 Client Error|Cannot access gated repo", _GATED),
        (r"No space left on device", "the disk is too small: give a larger --disk"),
        (r"Error 80[34]\b|driver version is insufficient",
         f"the host's driver is too old for this engine release: {_ANOTHER}"),
        (r"no kernel image", _OLD_CARD),
        (r"Bus error", f"shared memory is too small on this host: {_ANOTHER}"),
        (r"greater than the derived max_model_len", _TOO_LONG),
        (r"ValidationError", _SETTINGS),
        (r"CUDA error: |EngineCore encountered a fatal error|" + _DEAD,
         f"the card or its driver failed: {_ANOTHER}"),
        (r"EngineCore failed to start|Engine core initialization failed|exiting due to model loading error",
         _UNKNOWN),
    )
)  # fmt: skip
"""In the order of how much they tell: the engine's own last words say the least."""

_THE_CARD = (_FIT, _OLD_CARD)
_THE_LAUNCH = (_GATED, _NO_OPTION, _TOO_LONG, _SETTINGS)
