"""Where each setting came from: environment variables, the files that the vendors' own clients keep, or the default.

Reads the environment and a few small files; writes nothing, calls no network. A command-line flag overrides what
stands here, at the place where the flag is parsed.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from cloudgpu.base.secret import Secret

T = TypeVar("T")

VAST_URL = "https://console.vast.ai"
RUNPOD_URL = "https://api.runpod.io"


@dataclass(frozen=True, slots=True)
class Setting(Generic[T]):
    """A value and where it came from, in words: `VAST_API_KEY`, `~/.config/vastai/vast_api_key`, `default`."""

    value: T
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerSettings:
    """A machine of one's own that runs Docker. An empty value was not set.

    `host`, `tls_verify` and `cert_path` mean what they mean for Docker's own client. `gpus` are its cards ("1x RTX
    3090"), `gpu_ids` their ids there ("0,1"). `watts` is what one card draws with its share of the machine,
    `usd_per_kwh` the price of electricity. `bind` is the address that engines are published on, `hub_cache` the volume
    or the folder of that machine that holds the Hub's files of models, and no token.
    """

    host: Setting[str]
    tls_verify: str
    cert_path: str
    gpus: Setting[str]
    gpu_ids: Setting[str]
    watts: Setting[str]
    usd_per_kwh: Setting[str]
    bind: Setting[str]
    hub_cache: Setting[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the environment decides. A key is None when it is nowhere to be found."""

    state_dir: Path
    cache_dir: Path
    config_dir: Path
    store_url: Setting[str]
    vast_url: Setting[str]
    vast_key: Setting[Secret] | None
    runpod_url: Setting[str]
    runpod_key: Setting[Secret] | None
    runpod_port: Setting[str]
    hf_token: Setting[Secret] | None
    docker: DockerSettings


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process. `environ` stands in for `os.environ` in tests.

    Honours XDG_STATE_HOME, XDG_CACHE_HOME, XDG_CONFIG_HOME, CLOUDGPU_STORE, VAST_URL, VAST_API_KEY,
    RUNPOD_API_BASE_URL, RUNPOD_API_KEY, CLOUDGPU_RUNPOD_PORT (http or tcp), HF_TOKEN, the key files
    of `vastai`, `runpod` and `huggingface_hub`, and what `docker_settings` reads.
    """
    env = os.environ if environ is None else environ
    home = Path(env.get("HOME") or Path.home())
    state_dir = _xdg(env, "XDG_STATE_HOME", home / ".local" / "state") / "cloudgpu"
    return Settings(
        state_dir=state_dir,
        cache_dir=_xdg(env, "XDG_CACHE_HOME", home / ".cache") / "cloudgpu",
        config_dir=_xdg(env, "XDG_CONFIG_HOME", home / ".config") / "cloudgpu",
        store_url=_text(env, "CLOUDGPU_STORE", f"sqlite:///{state_dir / 'cloudgpu.db'}"),
        vast_url=_text(env, "VAST_URL", VAST_URL),
        vast_key=_key(env, "VAST_API_KEY", _vast_key_files(env, home)),
        runpod_url=_text(env, "RUNPOD_API_BASE_URL", RUNPOD_URL),
        runpod_key=_key(env, "RUNPOD_API_KEY", ()) or _runpod_file_key(home / ".runpod" / "config.toml"),
        runpod_port=_text(env, "CLOUDGPU_RUNPOD_PORT", "http"),
        hf_token=_key(env, "HF_TOKEN", (_xdg(env, "HF_HOME", home / ".cache" / "huggingface") / "token",)),
        docker=docker_settings(env),
    )


def docker_settings(env: Mapping[str, str]) -> DockerSettings:
    """DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH, and CLOUDGPU_DOCKER_ with GPUS, GPU_IDS, WATTS, USD_PER_KWH,
    BIND or HUB_CACHE after it."""
    return DockerSettings(
        host=_text(env, "DOCKER_HOST", ""),
        tls_verify=env.get("DOCKER_TLS_VERIFY", ""),
        cert_path=env.get("DOCKER_CERT_PATH", ""),
        gpus=_text(env, "CLOUDGPU_DOCKER_GPUS", ""),
        gpu_ids=_text(env, "CLOUDGPU_DOCKER_GPU_IDS", ""),
        watts=_text(env, "CLOUDGPU_DOCKER_WATTS", ""),
        usd_per_kwh=_text(env, "CLOUDGPU_DOCKER_USD_PER_KWH", ""),
        bind=_text(env, "CLOUDGPU_DOCKER_BIND", "127.0.0.1"),
        hub_cache=_text(env, "CLOUDGPU_DOCKER_HUB_CACHE", ""),
    )


def _xdg(env: Mapping[str, str], name: str, default: Path) -> Path:
    return Path(env[name]) if env.get(name) else default


def _text(env: Mapping[str, str], name: str, default: str) -> Setting[str]:
    return Setting(env[name], name) if env.get(name) else Setting(default, "default")


def _key(env: Mapping[str, str], name: str, files: tuple[Path, ...]) -> Setting[Secret] | None:
    if env.get(name, "").strip():
        return Setting(Secret(env[name].strip()), name)
    for path in files:
        text = _file_text(path)
        if text:
            return Setting(Secret(text), str(path))
    return None


def _vast_key_files(env: Mapping[str, str], home: Path) -> tuple[Path, ...]:
    config_home = _xdg(env, "XDG_CONFIG_HOME", home / ".config")
    return (config_home / "vastai" / "vast_api_key", home / ".vast_api_key")


def _runpod_file_key(path: Path) -> Setting[Secret] | None:
    text = _file_text(path)
    if not text:
        return None
    import tomllib  # only for the few who keep this file

    try:
        config = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
    default = config.get("default")
    profile = default if isinstance(default, dict) else {}
    key = profile.get("api_key") or config.get("apikey")
    return Setting(Secret(key), str(path)) if isinstance(key, str) and key else None


def _file_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
