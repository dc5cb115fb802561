"""How an engine starts: what it prints and when, how much it fetches, and whether it ends up serving or dead.

The words are vLLM's; the times follow from sizes, the host's network and its disk.
"""

from dataclasses import dataclass

from cloudgpu.base.units import gb_from_gib, transfer_s
from cloudgpu.emulator.engine.command import EngineCommand
from cloudgpu.emulator.engine.fit import Fit

_IMPORT_S = 14.0
_CONFIG_S = 9.0
_NETWORK_SHARE = 0.7
_HUB_MBPS = 8000.0
_DISK_MB_PER_S = 1500.0
_COMPILE_S = 38.0
_GRAPHS_S = 12.0
_SCRATCH_GB = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStart:
    """A start as offsets in seconds from the container's own start.

    Exactly one of `ready_s` and `exit_s` is set. `download_gb` flows between the two download times.
    """

    lines: tuple[tuple[float, str], ...]
    download_from_s: float
    download_until_s: float
    download_gb: float
    ready_s: float | None
    exit_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an engine starts: the host's network and disk, the disk that was rented, and whether weights lie on it."""

    download_mbps: float
    disk_mb_per_s: float
    disk_gb: float
    cached: bool


def engine_start(command: EngineCommand, found: Fit, place: Place) -> EngineStart:
    """The start of `command` in a place: it serves, or ends with what the engine says about it."""
    if command.usage_error:
        return _ended((4.0, f"vllm: error: {command.usage_error}"))
    if found.refusal is not None and found.refused_before_load:
        return _ended(*_opening(command, found)[:-1], *_refused(found.refusal, _IMPORT_S + _CONFIG_S))
    download_gb = 0.0 if place.cached else found.download_gb
    room_gb = place.disk_gb - _SCRATCH_GB
    if download_gb > room_gb:
        return _full(command, found, place, room_gb)
    return _start(command, found, place, download_gb)


def _ended(*lines: tuple[float, str]) -> EngineStart:
    last_s = lines[-1][0]
    return EngineStart(
        lines=lines, download_from_s=last_s, download_until_s=last_s, download_gb=0.0, ready_s=None, exit_s=last_s
    )


def _full(command: EngineCommand, found: Fit, place: Place, room_gb: float) -> EngineStart:
    """The disk runs full in the middle of the download."""
    begin_s = _IMPORT_S + _CONFIG_S
    until_s = begin_s + _download_s(max(0.0, room_gb), place)
    said = _refused("OSError: [Errno 28] No space left on device", until_s)
    return EngineStart(
        lines=(*_opening(command, found), *said),
        download_from_s=begin_s,
        download_until_s=until_s,
        download_gb=max(0.0, room_gb),
        ready_s=None,
        exit_s=said[-1][0],
    )


def _download_s(size_gb: float, place: Place) -> float:
    return transfer_s(size_gb, min(_HUB_MBPS, _NETWORK_SHARE * place.download_mbps))


def _start(command: EngineCommand, found: Fit, place: Place, download_gb: float) -> EngineStart:
    begin_s = _IMPORT_S + _CONFIG_S
    fetched_s = begin_s + _download_s(download_gb, place)
    load_s = found.download_gb * 1000 / min(place.disk_mb_per_s, _DISK_MB_PER_S)
    loaded_s = fetched_s + load_s
    opening = (*_opening(command, found), *_downloaded(command, begin_s, fetched_s), *_loaded(found, loaded_s, load_s))
    if found.refusal:
        closing, ready_s, exit_s = _refused(found.refusal, loaded_s), None, loaded_s + 6
    else:
        closing, ready_s, exit_s = *_served(command, found, loaded_s), None
    return EngineStart(
        lines=(*opening, *closing),
        download_from_s=begin_s,
        download_until_s=fetched_s,
        download_gb=download_gb,
        ready_s=ready_s,
        exit_s=exit_s,
    )


_Lines = tuple[tuple[float, str], ...]


def _opening(command: EngineCommand, found: Fit) -> _Lines:
    note = () if found.note is None else ((2.0, f"INFO [emulator] {found.note}"),)
    return (
        *note,
        (_IMPORT_S, f"INFO [api_server.py] vLLM API server version {command.version or 'unknown'}"),
        (_IMPORT_S, f"INFO [utils.py] non-default args: {{'model': '{command.model}', 'port': {command.port}}}"),
        (_IMPORT_S + 4, f"INFO [model.py] Using max model len {found.max_model_len}"),
        (_IMPORT_S + 8, f"(EngineCore) INFO [gpu_model_runner.py] Starting to load model {command.model}..."),
    )


def _downloaded(command: EngineCommand, begin_s: float, fetched_s: float) -> _Lines:
    if fetched_s <= begin_s:
        return ()
    text = f"Time spent downloading weights for {command.model}: {fetched_s - begin_s:.6f} seconds"
    return ((fetched_s, f"(EngineCore) INFO [weight_utils.py] {text}"),)


def _loaded(found: Fit, loaded_s: float, load_s: float) -> _Lines:
    took = f"Model loading took {found.weights_gib:.4f} GiB memory and {load_s:.6f} seconds"
    return (
        (loaded_s - load_s / 2, "(EngineCore) Loading safetensors checkpoint shards:  50% Completed"),
        (loaded_s, "(EngineCore) Loading safetensors checkpoint shards: 100% Completed"),
        (loaded_s, f"(EngineCore) INFO [gpu_model_runner.py] {took}"),
    )


def _refused(refusal: str, at_s: float) -> _Lines:
    return (
        (at_s + 4, f"(EngineCore) ERROR [core.py] EngineCore failed to start.\n(EngineCore) ERROR [core.py] {refusal}"),
        (at_s + 6, f"(APIServer) {refusal}"),
        (at_s + 6, "(APIServer) RuntimeError: Engine core initialization failed. See root cause above."),
    )


def _served(command: EngineCommand, found: Fit, loaded_s: float) -> tuple[_Lines, float]:
    compiled_s = loaded_s + (3.0 if command.enforce_eager else _COMPILE_S)
    captured_s = compiled_s + (0.0 if command.enforce_eager else _GRAPHS_S)
    ready_s = captured_s + 5.0
    concurrency = found.kv_cache_tokens / max(1, found.max_model_len)
    kept = f"Available KV cache memory: {found.kv_cache_gib:.2f} GiB"
    most = f"Maximum concurrency for {found.max_model_len:,} tokens per request: {concurrency:.2f}x"
    lines = (
        (compiled_s - 2, f"(EngineCore) INFO [monitor.py] torch.compile took {compiled_s - loaded_s:.2f} s in total"),
        (compiled_s, f"(EngineCore) INFO [gpu_worker.py] {kept}"),
        (compiled_s, f"(EngineCore) INFO [kv_cache_utils.py] GPU KV cache size: {found.kv_cache_tokens:,} tokens"),
        (compiled_s, f"(EngineCore) INFO [kv_cache_utils.py] {most}"),
        (captured_s, "(EngineCore) INFO [gpu_model_runner.py] Graph capturing finished"),
        (captured_s, f"(EngineCore) INFO [core.py] init engine took {captured_s - loaded_s:.2f} seconds"),
        (ready_s, f"(APIServer) INFO [api_server.py] Starting vLLM server on http://0.0.0.0:{command.port}"),
        (ready_s, "(APIServer) INFO:     Application startup complete."),
    )
    return lines, ready_s


def decode_tokens_per_s(found: Fit, bandwidth_gb_per_s: float, tensor_parallel: int) -> float:
    """A plausible speed for one request: every token reads the weights once from memory."""
    return max(5.0, 0.6 * bandwidth_gb_per_s / max(0.5, gb_from_gib(found.weights_gib))) * min(2, tensor_parallel)
