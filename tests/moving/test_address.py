"""The address of a service: two private files that change together, whatever interrupts the change."""

import json
import os
import shlex
import stat
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudgpu.base.errors import BadFileError, ConflictError
from cloudgpu.base.secret import Secret
from cloudgpu.moving import address
from cloudgpu.serving.launch import HealthCheck

KEY = Secret("sk-service")


@dataclass(frozen=True)
class Standing:
    name: str
    endpoint: str | None
    health: HealthCheck


def a_deployment(name="mistral", port=8000, model="mistralai/Mistral-7B-Instruct-v0.2"):
    return Standing(name, f"http://127.0.0.1:{port}", HealthCheck(port=8000, path="/health", model_id=model))


def publish(deployment, folder):
    return address.publish(address.address_of("chat", deployment, KEY), folder)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_both_files_say_where_the_service_is_and_with_which_key(tmp_path):
    assert publish(a_deployment(), tmp_path)
    text = address.env_path("chat", tmp_path).read_text()
    assert text.splitlines() == [
        "OPENAI_BASE_URL=http://127.0.0.1:8000/v1",
        "OPENAI_API_KEY=sk-service",
        "OPENAI_MODEL=mistralai/Mistral-7B-Instruct-v0.2",
        "CLOUDGPU_DEPLOYMENT=mistral",
    ]
    body = json.loads(address.json_path("chat", tmp_path).read_text())
    assert (body["base_url"], body["api_key"], body["deployment"]) == (
        "http://127.0.0.1:8000/v1",
        "sk-service",
        "mistral",
    )


def test_the_paths_stay_while_the_content_moves(tmp_path):
    publish(a_deployment(), tmp_path)
    before = address.env_path("chat", tmp_path)
    assert publish(a_deployment("qwen-14b", 9000, "Qwen"), tmp_path)
    assert before == address.env_path("chat", tmp_path)
    assert "9000" in before.read_text()
    assert address.read("chat", tmp_path).deployment == "qwen-14b"


def test_nobody_else_on_the_machine_can_read_the_key(tmp_path):
    publish(a_deployment(), tmp_path)
    files = [address.env_path("chat", tmp_path), address.json_path("chat", tmp_path)]
    assert {mode(path) for path in files} == {0o600}
    assert {mode(tmp_path / "services" / "chat"), mode(files[0].parent)} == {0o700}


def test_publishing_the_same_again_changes_nothing(tmp_path):
    publish(a_deployment(), tmp_path)
    before = os.readlink(tmp_path / "services" / "chat" / "current")
    assert not publish(a_deployment(), tmp_path)
    assert os.readlink(tmp_path / "services" / "chat" / "current") == before


def _killed_at_the_switch(replace):
    def replace_or_die(source, place):
        if Path(place).name == "current":
            raise KeyboardInterrupt
        replace(source, place)

    return replace_or_die


def test_a_kill_before_the_switch_leaves_the_old_address_whole(tmp_path, monkeypatch):
    publish(a_deployment(), tmp_path)
    monkeypatch.setattr(address.os, "replace", _killed_at_the_switch(os.replace))
    with pytest.raises(KeyboardInterrupt):
        publish(a_deployment("qwen-14b", 9000), tmp_path)
    monkeypatch.undo()
    assert address.read("chat", tmp_path).deployment == "mistral"
    assert "8000" in address.env_path("chat", tmp_path).read_text()
    assert publish(a_deployment("qwen-14b", 9000), tmp_path)


def test_a_reader_that_opened_the_files_just_before_a_switch_can_finish_reading(tmp_path):
    publish(a_deployment(), tmp_path)
    inside = address.env_path("chat", tmp_path).resolve()
    publish(a_deployment("qwen-14b", 9000), tmp_path)
    assert "8000" in inside.read_text()


def test_many_switches_leave_no_heap_of_old_versions(tmp_path):
    for port in range(8000, 8020):
        publish(a_deployment(port=port), tmp_path)
    assert len(list((tmp_path / "services" / "chat" / "versions").iterdir())) <= 2


def test_a_service_that_was_never_published_has_no_address(tmp_path):
    assert address.read("chat", tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"service": "chat"}', "null"])
def test_a_damaged_file_is_said_and_can_be_written_again(tmp_path, text):
    publish(a_deployment(), tmp_path)
    address.json_path("chat", tmp_path).write_text(text)
    with pytest.raises(BadFileError):
        address.read("chat", tmp_path)
    assert publish(a_deployment(), tmp_path)
    assert address.read("chat", tmp_path).deployment == "mistral"


def test_a_folder_that_cannot_be_written_is_one_clear_sentence(tmp_path):
    (tmp_path / "services").write_text("a file where a folder should be")
    with pytest.raises(ConflictError, match="cannot be written"):
        publish(a_deployment(), tmp_path)


def test_a_deployment_without_an_endpoint_is_refused(tmp_path):
    with pytest.raises(ConflictError, match="no endpoint"):
        publish(Standing("new", None, a_deployment().health), tmp_path)


def test_the_key_is_not_seen_in_what_is_printed_of_an_address(tmp_path):
    publish(a_deployment(), tmp_path)
    assert "sk-service" not in repr(address.read("chat", tmp_path))


@given(model=st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1))
def test_a_shell_reads_any_model_name_back_as_it_is(tmp_path_factory, model):
    folder = tmp_path_factory.mktemp("state")
    publish(a_deployment(model=model), folder)
    line = address.env_path("chat", folder).read_text().splitlines()[2]
    assert shlex.split(line) == [f"OPENAI_MODEL={model}"]


def test_a_withdrawn_address_leaves_no_file_and_no_key_behind(tmp_path):
    publish(a_deployment(), tmp_path)
    assert address.withdraw("chat", tmp_path)
    assert not address.env_path("chat", tmp_path).exists()
    assert not address.json_path("chat", tmp_path).exists()
    assert address.read("chat", tmp_path) is None
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_withdrawing_what_was_never_published_or_is_withdrawn_changes_nothing(tmp_path):
    assert not address.withdraw("chat", tmp_path)
    publish(a_deployment(), tmp_path)
    assert address.withdraw("chat", tmp_path)
    assert not address.withdraw("chat", tmp_path)


def test_a_withdrawal_that_is_killed_takes_both_files_or_none(tmp_path, monkeypatch):
    publish(a_deployment(), tmp_path)
    monkeypatch.setattr(address, "to_disk", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        address.withdraw("chat", tmp_path)
    files = (address.env_path("chat", tmp_path), address.json_path("chat", tmp_path))
    assert [path.exists() for path in files] == [False, False]


def test_a_withdrawn_address_can_be_published_again(tmp_path):
    publish(a_deployment(), tmp_path)
    address.withdraw("chat", tmp_path)
    assert publish(a_deployment("qwen-14b", 9000), tmp_path)
    assert address.read("chat", tmp_path).deployment == "qwen-14b"


def test_an_address_that_cannot_be_withdrawn_is_said_with_the_file_to_remove(tmp_path):
    (tmp_path / "services" / "chat" / "current").mkdir(parents=True)  # a folder where the link should be
    with pytest.raises(ConflictError, match="cannot be withdrawn") as refusal:
        address.withdraw("chat", tmp_path)
    assert str(tmp_path / "services" / "chat" / "current") in refusal.value.hint
