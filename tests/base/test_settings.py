"""Settings come from the environment and from the files that the vendors' own clients keep, and say from where."""

from pathlib import Path

import pytest

from cloudgpu.base.settings import read_settings


@pytest.fixture
def home(tmp_path):
    return {"HOME": str(tmp_path)}


def test_without_anything_there_is_no_key_and_the_default_addresses(home):
    settings = read_settings(home)
    assert settings.vast_key is None
    assert settings.runpod_key is None
    assert settings.vast_url.origin == "default"


def test_the_environment_comes_before_the_vendors_files(home, tmp_path):
    _write(tmp_path / ".config" / "vastai" / "vast_api_key", "from-file\n")
    settings = read_settings(home | {"VAST_API_KEY": "from-env"})
    assert settings.vast_key is not None
    assert (settings.vast_key.value.reveal(), settings.vast_key.origin) == ("from-env", "VAST_API_KEY")


@pytest.mark.parametrize("name", [".config/vastai/vast_api_key", ".vast_api_key"])
def test_the_key_files_of_the_vast_client_are_read(home, tmp_path, name):
    _write(tmp_path / name, "from-file\n")
    settings = read_settings(home)
    assert settings.vast_key is not None
    assert settings.vast_key.value.reveal() == "from-file"
    assert settings.vast_key.origin.endswith("vast_api_key")


@pytest.mark.parametrize("text", ['[default]\napi_key = "rp"\n', 'apikey = "rp"\n'])
def test_both_forms_of_the_runpod_file_are_read(home, tmp_path, text):
    _write(tmp_path / ".runpod" / "config.toml", text)
    settings = read_settings(home)
    assert settings.runpod_key is not None
    assert settings.runpod_key.value.reveal() == "rp"


def test_a_broken_runpod_file_is_no_key(home, tmp_path):
    _write(tmp_path / ".runpod" / "config.toml", "= nonsense")
    assert read_settings(home).runpod_key is None


def test_xdg_folders_are_honoured(home, tmp_path):
    settings = read_settings(home | {"XDG_STATE_HOME": str(tmp_path / "s"), "XDG_CACHE_HOME": str(tmp_path / "c")})
    assert settings.state_dir == tmp_path / "s" / "cloudgpu"
    assert settings.cache_dir == tmp_path / "c" / "cloudgpu"
    assert settings.store_url.value == f"sqlite:///{tmp_path / 's' / 'cloudgpu' / 'cloudgpu.db'}"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
