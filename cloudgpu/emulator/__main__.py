"""`python -m cloudgpu.emulator serve --state-dir DIR …`: the process that `process.start` runs in the background."""

import argparse
import sys
from pathlib import Path

from cloudgpu.base.errors import CloudgpuError
from cloudgpu.emulator.folder import emulator_folder
from cloudgpu.emulator.server import ServeOptions, exit_text, serve


def main() -> int:
    """Serve until stopped; exit status 1 with one line on stderr when it cannot."""
    parser = argparse.ArgumentParser(prog="python -m cloudgpu.emulator")
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--speed", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fresh", action="store_true")
    given = parser.parse_args()
    options = ServeOptions(port=given.port, speed=given.speed, seed=given.seed, fresh=given.fresh)
    try:
        serve(emulator_folder(given.state_dir), options)
    except CloudgpuError as error:
        sys.stderr.write(exit_text(error) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
