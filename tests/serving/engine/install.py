"""Installs one vLLM release where no card is: `python tests/serving/engine/install.py RELEASE [FOLDER]`.

An environment of its own (about 8 GB, through `uv`), with what the release asks for as it was three weeks after its
release, torch in the release's own version among it. Left out are packages that only a running card needs (`_KERNELS`).
A driver library (driver.c) stands in for the machine's. Needs Linux on x86-64, a C compiler and the network.
"""

import email
import os
import re
import shutil
import subprocess
import sys
import zipfile
from datetime import date, timedelta
from pathlib import Path

_KERNELS = {
    "apache-tvm-ffi", "fastsafetensors", "flashinfer-cubin", "flashinfer-python", "instanttensor",
    "nvidia-cudnn-frontend", "nvidia-cutlass-dsl", "nvtx", "pynvvideocodec", "quack-kernels", "tilelang",
    "tokenspeed-mla", "torchcodec", "xformers",
}  # fmt: skip
_AFTER_RELEASE = timedelta(days=21)
_PYTHON = "3.12"  # that of the published images


def folder() -> Path:
    """Where the environments lie: $CLOUDGPU_ENGINES, else ~/.cache/cloudgpu-tests/engines."""
    return Path(os.environ.get("CLOUDGPU_ENGINES") or Path.home() / ".cache" / "cloudgpu-tests" / "engines")


def python_of(release: str) -> Path | None:
    """The interpreter beside the release; None where it is not installed."""
    python = folder() / release / "bin" / "python"
    return python if python.exists() and (folder() / release / "installed").exists() else None


def install(release: str) -> None:
    """Makes the environment of a release, unless it is there."""
    if python_of(release):
        return
    home = folder() / release
    uv = shutil.which("uv") or sys.exit("needs uv: pip install uv")
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", _PYTHON, str(home)], check=True)
    wheel = _download(release, home)
    released, needs = _read(wheel)
    listed = home / "needs.txt"
    listed.write_text("\n".join(needs), encoding="utf-8")
    until = (released + _AFTER_RELEASE).isoformat()
    into = [uv, "pip", "install", "--quiet", "--python", str(home / "bin" / "python")]
    subprocess.run([*into, "--exclude-newer", until, "-r", str(listed)], check=True)
    subprocess.run([*into, "--no-deps", str(wheel)], check=True)
    wheel.unlink()
    _build_driver(home)
    (home / "installed").touch()


def remove(release: str) -> None:
    """Gives the disk back."""
    shutil.rmtree(folder() / release, ignore_errors=True)


def _download(release: str, home: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(home), f"vllm=={release}"]
    subprocess.run(command, check=True)
    return next(home.glob("vllm-*.whl"))


def _read(wheel: Path) -> tuple[date, list[str]]:
    """The day it was built, and what it asks for without the kernels. Of the certificates any are good enough."""
    with zipfile.ZipFile(wheel) as files:
        built = max(each.date_time for each in files.infolist())
        metadata = next(each for each in files.namelist() if each.endswith(".dist-info/METADATA"))
        asked = email.message_from_bytes(files.read(metadata)).get_all("Requires-Dist") or []
    asked = [re.sub(r"\[cu\d+\]", "", each) for each in asked if "extra ==" not in each]  # a CUDA toolkit comes by it
    plain = ["certifi" if each.startswith("certifi") else each for each in asked]
    return date(*built[:3]), [each for each in plain if re.split(r"[^\w.-]", each)[0].lower() not in _KERNELS]


def _build_driver(home: Path) -> None:
    """libnvidia-ml from driver.c, and a libcuda of every name that the compiled modules ask for, which all fail."""
    libraries = home / "driver"
    libraries.mkdir(exist_ok=True)
    compiled = [str(each) for each in home.glob("lib/*/site-packages/vllm/**/*.so")]
    named = subprocess.run(["nm", "-D", "--undefined-only", *compiled], check=True, capture_output=True, text=True)
    names = sorted(set(re.findall(r"\b(cu[A-Z]\w+)", named.stdout)))
    source = libraries / "cuda.c"
    source.write_text("".join(f"int {name}(void) {{ return 100; }}\n" for name in names), encoding="utf-8")
    for name, code in (("libcuda.so.1", source), ("libnvidia-ml.so.1", Path(__file__).with_name("driver.c"))):
        command = ["cc", "-shared", "-fPIC", f"-Wl,-soname,{name}", "-o", str(libraries / name), str(code)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    install(sys.argv[1])
