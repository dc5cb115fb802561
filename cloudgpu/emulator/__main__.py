"""The emulator's own processes.

`python -m cloudgpu.emulator serve --state-dir DIR …` is what `process.start` runs in the background.
`python -m cloudgpu.emulator engine …` is one model server with a known timing: see `engine_rig`.
"""

import argparse
import json
import sys
from pathlib import Path

from cloudgpu.base.errors import CloudgpuError


def main() -> int:
    """Serve until stopped; exit status 1 with one line on stderr when it cannot."""
    parser = argparse.ArgumentParser(prog="python -m cloudgpu.emulator")
    commands = parser.add_subparsers(required=True)
    _add_serve(commands.add_parser("serve"))
    _add_engine(commands.add_parser("engine"))
    given = parser.parse_args()
    try:
        given.run(given)
    except CloudgpuError as error:
        sys.stderr.write(f"{error.code}: {error.message}\n")
        return 1
    return 0


def _add_serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--speed", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--faults", type=Path)
    parser.set_defaults(run=_serve)


def _serve(given: argparse.Namespace) -> None:
    from cloudgpu.emulator.folder import made_folder  # each command loads only what it serves with
    from cloudgpu.emulator.server import ServeOptions, serve

    options = ServeOptions(
        port=given.port, speed=given.speed, seed=given.seed, fresh=given.fresh, fault_file=given.faults
    )
    serve(made_folder(given.state_dir), options)


def _add_engine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="Qwen/Qwen3-0.6B")
    parser.add_argument("--ttft-s", type=float, default=0.0)
    parser.add_argument("--tokens-per-s", type=float, default=1000.0)
    parser.add_argument("--api-key")
    parser.add_argument("--max-model-len", type=int, default=32_768)
    parser.add_argument("--port", type=int, default=0)
    parser.set_defaults(run=_engine)


def _engine(given: argparse.Namespace) -> None:
    from cloudgpu.emulator.engine_rig import EngineRig  # as above

    with EngineRig(
        model=given.model,
        ttft_s=given.ttft_s,
        tokens_per_s=given.tokens_per_s,
        api_key=given.api_key,
        max_model_len=given.max_model_len,
        port=given.port,
    ) as engine:
        sys.stdout.write(json.dumps({"url": engine.url, "model": given.model}) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    sys.exit(main())
