"""A budget as a YAML file; `templates/pack-example.yaml` explains every key."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from cloudgpu.base.errors import BadFileError, UsageError
from cloudgpu.sizing.engines.vllm import DEFAULT_VERSION
from cloudgpu.sizing.gpus import find_gpu
from cloudgpu.sizing.model import ModelSpec
from cloudgpu.sizing.named_alike import find_or_alike
from cloudgpu.sizing.nearest import hint_of, nearest
from cloudgpu.sizing.pack.budget import ENGINES, LLAMA_CPP, OTHER, TRANSFORMERS, VLLM, Budget, Entry

EXAMPLE_HINT = "`cloudgpu pack --example` prints one with every key explained"
MOST_CARDS = 8

Find = Callable[[str], ModelSpec]


def read_budget(path: Path, find: Find = find_or_alike) -> Budget:
    """The budget of a file. `find` turns a model's name into the model (it may ask the Hub).

    Raises BadFileError for what is no budget, naming the key, and what `find` raises.
    """
    import yaml  # only for those who pack

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadFileError(f"{path} cannot be read as text", hint=EXAMPLE_HINT) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise BadFileError(f"{path} is not YAML: {_problem(error)}", hint=EXAMPLE_HINT) from error
    if not isinstance(document, dict):
        raise BadFileError(f"{path} is no budget: it must name cards and models", hint=EXAMPLE_HINT)
    return budget_from(document, find)


def budget_from(document: Mapping[str, Any], find: Find = find_or_alike) -> Budget:
    """As `read_budget`, from the parsed document."""
    _check_keys(document, _BUDGET_KEYS, "a budget")
    rows = document.get("models")
    if not isinstance(rows, list) or not rows:
        raise BadFileError("the budget names no models", hint=EXAMPLE_HINT)
    entries = tuple(_entry(row, number + 1, find) for number, row in enumerate(rows))
    for name in {entry.name for entry in entries}:
        if sum(entry.name == name for entry in entries) > 1:
            raise BadFileError(f"two models of the budget are called {name!r}", hint="give each a name: of its own")
    return Budget(
        title=str(document.get("title") or "budget"),
        cards=tuple(find_gpu(name) for name in _card_names(document.get("cards"))),
        entries=entries,
        reserve_gib=_amount(document, "reserve_gib", 0.0),
        stated_total_gib=_maybe(document, "stated_total_gib"),
        stated_free_gib=_maybe(document, "stated_free_gib"),
        stated_working_gib=_span(document, "stated_working_gib"),
        settings=_settings(document),
    )


_BUDGET_KEYS = (
    "title", "cards", "reserve_gib", "stated_total_gib", "stated_free_gib", "stated_working_gib", "settings", "models",
)  # fmt: skip
_ENTRY_KEYS = tuple(field.name for field in fields(Entry) if field.name != "typed")
DEFAULT_SEQUENCE, DEFAULT_NEW_TOKENS = 512, 256


def _entry(row: object, number: int, find: Find) -> Entry:
    if not isinstance(row, dict):
        raise BadFileError(f"model {number} of the budget is no list of keys", hint=EXAMPLE_HINT)
    _check_keys(row, _ENTRY_KEYS, f"model {number}")
    typed = str(row.get("model") or "")
    model = find(typed) if typed else None
    default = TRANSFORMERS if model is not None and model.is_encoder else VLLM
    engine = _engine(row, default if model else OTHER)
    if model is None and (engine != OTHER or _maybe(row, "memory_gib") is None):
        raise BadFileError(f"model {number} of the budget names no model", hint="or give its memory_gib")
    pins = _pins(row)
    return Entry(
        name=str(row.get("name") or (model.short_name if model else f"program {number}")),
        engine=engine,
        engine_version=str(row.get("engine_version") or DEFAULT_VERSION),
        typed=typed,
        model=model,
        dtype=_text(row, "dtype"),
        quantization=_text(row, "quantization"),
        kv_cache_dtype=_text(row, "kv_cache_dtype") or "auto",
        context=_count(row, "context"),
        concurrency=_count(row, "concurrency") or 1,
        batch=_count(row, "batch") or 1,
        sequence=_count(row, "sequence") or DEFAULT_SEQUENCE,
        new_tokens=_count(row, "new_tokens") or DEFAULT_NEW_TOKENS,
        attention=_choice(row, "attention", ("sdpa", "eager")),
        memory_gib=_amount(row, "memory_gib", 0.0),
        process=_text(row, "process"),
        gpus=pins,
        tensor_parallel=max(_count(row, "tensor_parallel") or 1, len(pins)),
        gpu_memory_utilization=_share(row),
        max_num_seqs=_count(row, "max_num_seqs"),
        max_num_batched_tokens=_count(row, "max_num_batched_tokens"),
        enforce_eager=_yes(row, "enforce_eager"),
        lora_rank=_count(row, "lora_rank"),
        stated_gib=_span(row, "stated_gib"),
        settings=_settings(row),
    )


def _engine(row: Mapping[str, Any], default: str) -> str:
    engine = str(row.get("engine") or default).lower().replace("llamacpp", LLAMA_CPP)
    if engine == "sglang":
        raise UsageError(
            "sglang cannot be packed: its share is one of what is free at its start, so it belongs alone on its card",
            hint="see `cloudgpu estimate --engine sglang`, or pack the model with vllm",
        )
    if engine not in ENGINES:
        raise UsageError(f"engine {engine!r} is not known", hint="one of " + ", ".join(ENGINES))
    return engine


def _check_keys(row: Mapping[str, Any], known: tuple[str, ...], what: str) -> None:
    for key in row:
        if key not in known:
            raise BadFileError(
                f"{what} of the budget has no {key!r}" if what != "a budget" else f"{what} has no {key!r}",
                hint=hint_of(nearest(str(key), known), "cloudgpu pack --example"),
            )


def _card_names(value: object) -> list[str]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise BadFileError("the budget names no cards", hint='for example cards: ["RTX 3090"]')
    if len(names) > MOST_CARDS:
        raise BadFileError(f"the budget has {len(names)} cards, at most {MOST_CARDS} can be packed", hint=EXAMPLE_HINT)
    return names


def _count(row: Mapping[str, Any], key: str) -> int | None:
    value = row.get(key)
    if value is None or (type(value) is int and 1 <= value <= 10**9):
        return value
    raise BadFileError(f"{key} must be a whole number above 0, not {value!r}", hint=EXAMPLE_HINT)


def _text(row: Mapping[str, Any], key: str) -> str | None:
    value = row.get(key)
    if value is None or isinstance(value, str):
        return value or None
    raise BadFileError(f"{key} must be a text, not {value!r}", hint=EXAMPLE_HINT)


def _maybe(row: Mapping[str, Any], key: str) -> float | None:
    value = row.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 10**6:
        raise BadFileError(f"{key} must be a number of GiB, not {value!r}", hint=EXAMPLE_HINT)
    return float(value)


def _amount(row: Mapping[str, Any], key: str, default: float) -> float:
    value = _maybe(row, key)
    return default if value is None else value


def _span(row: Mapping[str, Any], key: str) -> tuple[float, float] | None:
    """`5` or `[4, 6]`."""
    value = row.get(key)
    if isinstance(value, list) and len(value) == 2:
        low, high = (_maybe({key: each}, key) for each in value)
        if low is not None and high is not None and low <= high:
            return low, high
        raise BadFileError(f"{key} must be [least, most], not {value!r}", hint=EXAMPLE_HINT)
    single = _maybe(row, key)
    return None if single is None else (single, single)


def _share(row: Mapping[str, Any]) -> float | None:
    value = row.get("gpu_memory_utilization")
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1):
        return None if value is None else float(value)
    raise BadFileError(f"gpu_memory_utilization is a share above 0 and up to 1, not {value!r}", hint=EXAMPLE_HINT)


def _pins(row: Mapping[str, Any]) -> tuple[int, ...]:
    value = row.get("gpus")
    pins = [value] if type(value) is int else value
    if pins is None:
        return ()
    if isinstance(pins, list) and pins and all(type(pin) is int and 0 <= pin < MOST_CARDS for pin in pins):
        return tuple(dict.fromkeys(pins))
    raise BadFileError(f"gpus must be card numbers counted from 0, not {value!r}", hint="for example gpus: [0, 1]")


def _choice(row: Mapping[str, Any], key: str, known: tuple[str, ...]) -> str:
    value = str(row.get(key) or known[0])
    if value not in known:
        raise UsageError(f"{key} {value!r} is not known", hint="one of " + ", ".join(known))
    return value


def _yes(row: Mapping[str, Any], key: str) -> bool:
    value = row.get(key, False)
    if isinstance(value, bool):
        return value
    raise BadFileError(f"{key} must be true or false, not {value!r}", hint=EXAMPLE_HINT)


def _settings(row: Mapping[str, Any]) -> Mapping[str, object]:
    value = row.get("settings")
    if value is None or isinstance(value, dict):
        return {str(name): each for name, each in (value or {}).items()}
    raise BadFileError("settings must be a list of names and values", hint="for example settings: {load_in_8bit: true}")


def _problem(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"{getattr(error, 'problem', 'it cannot be parsed')}" + (f", line {mark.line + 1}" if mark else "")
