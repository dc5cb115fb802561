"""`cloudgpu logs` shows what an instance printed, and no key that stands in it."""

import json
import sys

import pytest

from cloudgpu.base.secret import Secret
from cloudgpu.cli import main as entry
from cloudgpu.cli import session as sessions
from cloudgpu.running.records import Service

HUB = "hf_" + "aB3" * 12
SERVICE = "sk-cloudgpu-" + "x" * 32


@pytest.fixture
def shown(desk, tmp_path, monkeypatch, capsys):
    """What the command prints when the instance has printed this."""
    for name in ("VAST_API_KEY", "RUNPOD_API_KEY", "HF_TOKEN", "HF_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDGPU_STORE", f"sqlite:///{desk.path / 'cloudgpu.db'}")
    monkeypatch.setattr(sessions, "_opened", [])
    desk.up("mistral")
    desk.store.save_service(Service(name="mistral", api_key=Secret(SERVICE), serving="mistral"))

    def show(text, *options):
        instance = type("Printed", (), {"logs": lambda _self, _id, _tail: text})()
        monkeypatch.setattr(sessions.Session, "provider", lambda _self, _name: instance)
        monkeypatch.setattr(sys, "argv", ["cloudgpu", "logs", "mistral", *options])
        with pytest.raises(SystemExit) as end:
            entry.main()
        assert end.value.code == 0
        return capsys.readouterr().out

    return show


def test_the_key_of_the_service_is_hidden(shown):
    assert shown(f"args: --api-key {SERVICE} --port 8000\n") == "args: --api-key •••• --port 8000\n"


def test_the_token_of_the_hub_is_hidden(shown, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "a-token-of-another-form")
    assert shown("HF_TOKEN=a-token-of-another-form\n") == "HF_TOKEN=••••\n"


def test_a_token_that_was_sent_and_is_no_longer_set_here_is_hidden(shown):
    assert shown(f"https://user:{HUB}@huggingface.co/org/model\n") == "https://user:••••@huggingface.co/org/model\n"


def test_the_keys_of_the_accounts_are_hidden(shown, monkeypatch):
    monkeypatch.setenv("VAST_API_KEY", "v4st-key")
    monkeypatch.setenv("RUNPOD_API_KEY", "rp-key")
    assert shown("v4st-key rp-key\n") == "•••• ••••\n"


def test_all_else_is_shown_as_it_is(shown):
    assert shown("INFO: hf_transfer on\nApplication startup complete\n") == (
        "INFO: hf_transfer on\nApplication startup complete\n"
    )


def test_the_same_as_a_document_with_the_phase_and_what_ends_all_hope(shown):
    said = shown(f"Starting to load model org/model...\nCUDA out of memory {SERVICE}\n", "--json")
    told = json.loads(said)
    assert SERVICE not in said
    assert (told["schema_version"], told["phase"], len(told["lines"])) == (1, "downloading", 2)
    assert "larger card" in told["fatal"]["remedy"]
