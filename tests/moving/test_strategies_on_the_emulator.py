"""Strategies typed as a user types them, on the emulator behind real HAProxy: where requests go, and who is kept."""

import contextlib
import json

import pytest
import requests
from emulated_service import TO_QWEN, behind_a_gateway, needs_haproxy

from cloudgpu.moving import address

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket, needs_haproxy]

OLD_MODEL, NEW_MODEL = "mistralai/Mistral-7B-Instruct-v0.2", "Qwen/Qwen2.5-14B-Instruct"
MIGRATE = (*TO_QWEN, "--json")


@pytest.fixture
def here(tmp_path):
    with behind_a_gateway(tmp_path, speed=0) as here:
        yield here


def answered_by(here, *, model="mistral", side=None):
    """Which model answers one question that comes in at the gateway."""
    where = address.read("mistral", here.state_dir)
    headers = {"Authorization": f"Bearer {where.api_key.reveal()}"}
    headers |= {"X-Cloudgpu-Deployment": side} if side else {}
    body = {"model": model, "messages": [{"role": "user", "content": "Who are you?"}], "max_tokens": 30}
    answer = requests.post(f"{where.base_url}/chat/completions", json=body, headers=headers, timeout=120)
    answer.raise_for_status()
    return answer.json()["choices"][0]["message"]["content"]


def old_serves(here):
    with contextlib.suppress(requests.RequestException):
        return "Mistral" in answered_by(here)
    return False


def shares(here, questions=20):
    """How many of so many questions the new side answers."""
    return sum("Qwen" in answered_by(here) for _ in range(questions))


def migrated(here, *words, status=0):
    return json.loads(here.run(*words, status=status))["migration"]


def test_ab_shares_until_it_is_told_otherwise_and_dual_leaves_the_old_one_to_those_who_ask_for_it(here):
    told = migrated(here, *MIGRATE, "--strategy", "ab", "--weight", "25", "--share-by", "header", "--force")
    assert (told["state"], told["new_percent"], told["due"]) == ("canary", 25, None)
    assert 2 <= shares(here) <= 10
    assert {("Qwen" in answered_by(here, side="qwen-14b")) for _ in range(6)} == {True}
    assert {("Mistral" in answered_by(here, side="mistral")) for _ in range(6)} == {True}
    assert migrated(here, "migrate", "follow", "--once", "--json")["state"] == "canary"  # no step is ever due
    assert migrated(here, "migrate", "rollback", "--json")["state"] == "rolled_back"
    assert shares(here, 6) == 0

    told = migrated(here, *MIGRATE, "--strategy", "dual", "--force")
    assert (told["state"], told["new_percent"], told["serving"]) == ("canary", 100, "qwen-14b")
    assert shares(here, 6) == 6
    assert "Mistral" in answered_by(here, model=OLD_MODEL)
    assert "Qwen" in answered_by(here, model=NEW_MODEL)
    assert len(here.alive()) == 2
    told = migrated(here, "migrate", "promote", "--json")
    assert told["state"] == "promoted"
    here.run("migrate", "finalize", "--yes")
    assert [each["model"] for each in here.alive()] == [NEW_MODEL]
    assert shares(here, 4) == 4


def test_a_new_side_without_memory_or_sense_never_gets_a_request(here):
    here.run("emulator", "fault", "add", "instance", "oom", "--times", "1000")
    refused = json.loads(here.begin(*MIGRATE).communicate(timeout=300)[0])["error"]  # 5 where the last offer was gone
    assert "out of memory" in refused["message"].lower()
    here.run("emulator", "fault", "clear")
    assert [each["model"] for each in here.alive()] == [OLD_MODEL]
    (listed,) = json.loads(here.run("migrate", "list", "--json"))["migrations"]
    assert listed["state"] == "aborted"

    here.run("emulator", "fault", "add", "engine", "garbage", "--label", "qwen-14b", "--times", "1000000")
    refused = json.loads(here.run(*MIGRATE, status=1))["error"]
    assert "mistral keeps all requests" in refused["message"]
    told = migrated(here, "migrate", "status", "--json")
    assert told["state"] == "validating"
    failed = {each["gate"] for each in told["verdict"]["checks"] if each["outcome"] == "fail"}
    assert "quality" in failed
    here.wait_until(lambda: old_serves(here), "the old side is seen up again after the bench, and answers")
    here.run("migrate", "abort", "--yes")
    assert [each["model"] for each in here.alive()] == [OLD_MODEL]
    here.run("down", "--all", "--yes")
    assert json.loads(here.run("cost", "--json"))["total"]["usd"]["total"] == here.bill()["total_usd"]
