"""How an engine starts: what it prints and when, how much it fetches, and whether it ends up serving or dead.

The words are vLLM's; the times follow from sizes, the host's network and its disk.
"""

from dataclasses import dataclass

from cloudgpu.base.units import gb_from_gib, transfer_s
from cloudgpu.emulator.engine_command import EngineCommand
from cloudgpu.emulator.fit import Fit

_IMPORT_S = 14.0
_CONFIG_S = 9.0
_NETWORK_SHARE = 0.7
_HUB_MBPS = 8000.0
_DISK_MB_PER_S = 1500.0
_COMPILE_S = 38.0
_GRAPHS_S = 12.0


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


def engine_start(
    command: EngineCommand, found: Fit, *, download_mbps: float, disk_mb_per_s: float, cached: bool
) -> EngineStart:
    """The start of `command` on a host; with `cached` the weights lie on its disk already."""
    if command.usage_error:
        line = (4.0, f"vllm: error: {command.usage_error}")
        return EngineStart(
            lines=(line,), download_from_s=4.0, download_until_s=4.0, download_gb=0.0, ready_s=None, exit_s=4.5
        )
    return _start(command, found, download_mbps=download_mbps, disk_mb_per_s=disk_mb_per_s, cached=cached)


def _start(
    command: EngineCommand, found: Fit, *, download_mbps: float, disk_mb_per_s: float, cached: bool
) -> EngineStart:
    begin_s = _IMPORT_S + _CONFIG_S
    download_gb = 0.0 if cached else found.download_gb
    download_s = transfer_s(download_gb, min(_HUB_MBPS, _NETWORK_SHARE * download_mbps))
    fetched_s = begin_s + download_s
    load_s = found.download_gb * 1000 / min(disk_mb_per_s, _DISK_MB_PER_S)
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
