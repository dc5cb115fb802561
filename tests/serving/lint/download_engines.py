"""Fetches the vLLM wheels that the `engine` tests read: `python tests/serving/lint/download_engines.py [FOLDER]`.

Two releases, 750 MB together; nothing is installed. Without a folder: $CLOUDGPU_VLLM_WHEELS, else ~/.cache.
"""

import os
import subprocess
import sys
from pathlib import Path

RELEASES = ("0.11.0", "0.33.0")


def folder() -> Path:
    """Where the wheels lie."""
    return Path(os.environ.get("CLOUDGPU_VLLM_WHEELS") or Path.home() / ".cache" / "cloudgpu-tests" / "vllm")


def wheel_of(release: str) -> Path | None:
    """The wheel of a release; None where it was not fetched."""
    return next(folder().glob(f"vllm-{release}-*.whl"), None)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else folder()
    for each in RELEASES:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(target), f"vllm=={each}"]
        subprocess.run(command, check=True)
