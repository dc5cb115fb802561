"""Weights from the Hub: by ranges, with every refusal in one sentence; judged by the Hub's own client."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from loopback_hub import SHA, start_hub
from made_up_checkpoints import QWEN2, gguf_bytes, gguf_tensors, qwen2_tensors, stored_bytes, write_gguf, write_model

import cloudgpu
from cloudgpu.base.errors import (
    BadAnswerError,
    BadFileError,
    MissingKeyError,
    NotFoundError,
    ProviderError,
    RateLimitedError,
    RefusedKeyError,
    UnknownModelError,
    UnreachableError,
    UsageError,
)
from cloudgpu.sizing.models import resolve_model
from cloudgpu.sizing.weighed import find_model

REPO = "someone/tiny-qwen"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    found, stop = start_hub()
    found.repos[REPO] = write_model(tmp_path / "served", QWEN2, qwen2_tensors(), shards=3)
    monkeypatch.setenv("HF_ENDPOINT", found.url)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    yield found
    stop()


def test_the_hubs_client_is_named_in_one_module():
    package = Path(cloudgpu.__file__).parent
    users = [path.name for path in package.rglob("*.py") if "from huggingface_hub" in path.read_text(encoding="utf-8")]
    assert users == ["hub.py"]


def test_an_unknown_owner_and_name_is_asked_of_the_hub_and_the_answer_says_so(hub):
    model = find_model(REPO)
    assert model.weights_source == f"safetensors headers of {REPO} on the Hub, revision {SHA[:7]}"
    assert model.stored.file_bytes == stored_bytes(qwen2_tensors())
    assert model.model_id == REPO


def test_the_hubs_own_client_counts_the_same_parameters(hub):
    from huggingface_hub import HfApi

    judged = HfApi(endpoint=hub.url).get_safetensors_metadata(REPO)
    model = find_model(REPO)
    assert sum(judged.parameter_count.values()) == model.parameters
    assert judged.metadata["total_size"] == model.stored.file_bytes


def test_headers_are_fetched_and_not_the_weights(hub, tmp_path):
    big = {**qwen2_tensors(), "model.layers.0.mlp.big_proj.weight": ("BF16", (10**5, 10**4))}
    hub.repos["someone/big"] = write_model(tmp_path / "big", QWEN2, big)
    find_model("someone/big")
    assert hub.sent_bytes < 300_000


def test_every_file_is_read_at_the_commit_that_was_listed(hub):
    find_model(REPO)
    read = [path for _, path, _ in hub.asked if "/resolve/" in path]
    assert read
    assert all(f"/resolve/{SHA}/" in path for path in read)


def test_a_server_without_ranges_is_not_asked_for_the_whole_file(hub, tmp_path):
    hub.trouble = "no ranges"
    big = {**qwen2_tensors(), "model.layers.0.mlp.big_proj.weight": ("BF16", (2000, 10**4))}
    hub.repos["someone/big"] = write_model(tmp_path / "big", QWEN2, big)
    assert find_model("someone/big").stored.file_bytes == stored_bytes(big)


def test_a_name_of_the_catalogue_never_asks_the_hub(hub):
    assert find_model("qwen-14b").weights_source.startswith("catalogue")
    assert find_model("Qwen/Qwen2.5-14B-Instruct").weights_source.startswith("catalogue")
    assert hub.asked == []


def test_a_name_of_the_catalogue_asks_the_hub_when_the_user_says_so(hub):
    hub.repos["Qwen/Qwen2.5-14B-Instruct"] = hub.repos[REPO]
    model = find_model("qwen-14b", "hub")
    assert model.model_id == "Qwen/Qwen2.5-14B-Instruct"
    assert model.weights_source.startswith("safetensors headers of Qwen/Qwen2.5-14B-Instruct on the Hub")


def test_catalogue_only_refuses_what_the_catalogue_does_not_hold(hub):
    with pytest.raises(UnknownModelError):
        find_model(REPO, "catalogue")
    assert hub.asked == []


def test_a_source_that_does_not_exist_is_refused(hub):
    with pytest.raises(UsageError, match="cannot come from 'moon'"):
        find_model(REPO, "moon")


def test_what_the_hub_said_once_is_found_again_without_it(hub):
    first = find_model(REPO)
    hub.trouble, hub.asked[:] = "500", []
    assert resolve_model(REPO) == first
    assert find_model(REPO) == first
    assert hub.asked == []


def test_a_damaged_memory_of_the_hub_is_asked_anew(hub, tmp_path):
    first = find_model(REPO)
    kept = next((tmp_path / "cache").rglob("*.json"))
    kept.write_text(kept.read_text()[:100])
    assert find_model(REPO) == first


def test_a_gated_repository_asks_for_its_terms_and_a_token(hub):
    hub.trouble, hub.token = "gated", "right"
    with pytest.raises(MissingKeyError) as refused:
        find_model(REPO)
    assert "gated" in refused.value.message
    assert f"accept them at {hub.url}/{REPO} and set HF_TOKEN" == refused.value.hint


def test_a_token_that_may_not_read_is_told_from_no_token(hub, monkeypatch):
    hub.trouble, hub.token = "gated", "right"
    monkeypatch.setenv("HF_TOKEN", "wrong")
    with pytest.raises(RefusedKeyError, match="the token in use may not read it"):
        find_model(REPO)
    monkeypatch.setenv("HF_TOKEN", "right")
    assert find_model(REPO).parameters


def test_an_invalid_token_is_called_that(hub):
    hub.trouble = "bad token"
    with pytest.raises(RefusedKeyError, match="refuses the token"):
        find_model(REPO)


def test_a_repository_that_does_not_exist_is_unknown(hub):
    with pytest.raises(UnknownModelError, match="the Hub has no model someone/absent, or it is private"):
        find_model("someone/absent")


def test_a_misspelt_catalogue_id_hears_the_near_names(hub):
    with pytest.raises(UnknownModelError) as refused:
        find_model("Qwen/Qwen2.5-14B-Instrukt")
    assert "Qwen/Qwen2.5-14B-Instruct" in refused.value.hint


def test_a_name_without_an_owner_is_never_asked_of_the_hub(hub):
    with pytest.raises(UnknownModelError):
        find_model("qwen-99t")
    assert hub.asked == []


@pytest.mark.parametrize(
    ("trouble", "error"), [("500", ProviderError), ("503", ProviderError), ("429", RateLimitedError)]
)
def test_a_hub_in_trouble_is_said_to_be(hub, trouble, error):
    hub.trouble = trouble
    with pytest.raises(error):
        find_model(REPO)


def test_one_failed_read_is_repeated(hub):
    hub.failures_left = 1
    assert find_model(REPO).parameters


def test_an_answer_that_is_cut_short_is_no_answer(hub):
    hub.trouble = "cut body"
    with pytest.raises((UnreachableError, BadAnswerError)):
        find_model(REPO)


def test_a_file_that_is_cut_short_on_the_hub_is_refused(hub):
    shard = hub.repos[REPO] / "model-00002-of-00003.safetensors"
    os.truncate(shard, shard.stat().st_size - 10)
    with pytest.raises(BadFileError, match=r"model-00002-of-00003\.safetensors is cut short: it has"):
        find_model(REPO)


def test_a_repository_without_weights_says_what_can_be_read(hub, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "pytorch_model.bin").write_bytes(b"PK")
    hub.repos["someone/old"] = tmp_path / "empty"
    with pytest.raises(NotFoundError) as refused:
        find_model("someone/old")
    assert "no weights" in refused.value.message
    assert "safetensors and GGUF" in refused.value.hint


def test_no_network_names_the_address_and_what_works_without(hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UnreachableError) as refused:
        find_model(REPO)
    assert "http://127.0.0.1:9" in refused.value.message
    assert "cloudgpu models" in refused.value.hint


def test_a_misspelt_id_hears_the_near_names_without_a_network_too(hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UnreachableError) as refused:
        find_model("Qwen/Qwen2.5-14B-Instrukt")
    assert "Qwen/Qwen2.5-14B-Instruct" in refused.value.hint
    assert "check the network" in refused.value.hint


def test_offline_reads_the_hubs_cache_or_says_that_it_is_not_there(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(NotFoundError, match="HF_HUB_OFFLINE is set"):
        find_model(REPO)
    assert hub.asked == []


def test_a_gguf_file_is_chosen_by_its_name_and_read_by_ranges(hub, tmp_path):
    folder = tmp_path / "ggufs"
    folder.mkdir()
    for name in ("m-Q4_K_M.gguf", "m-Q8_0.gguf", "mmproj-f16.gguf"):
        write_gguf(folder / name, vocabulary=150_000)
    hub.repos["someone/ggufs"] = folder
    with pytest.raises(NotFoundError) as several:
        find_model("someone/ggufs")
    assert "owner/name:Q4_K_M" in several.value.hint
    model = find_model("someone/ggufs:q4_k_m")
    assert model.weights_source.startswith("GGUF header of m-Q4_K_M.gguf of someone/ggufs on the Hub")
    assert model.stored.file_bytes == gguf_bytes(gguf_tensors())


def _cloudgpu(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "cloudgpu", *arguments],
        capture_output=True, text=True, timeout=300, check=False, env=os.environ | environment,
    )  # fmt: skip


def test_the_command_line_weighs_a_repository_and_reports_its_refusals(hub):
    done = _cloudgpu("estimate", REPO, "--gpu", "RTX 4090", "--json")
    assert json.loads(done.stdout)["weights_source"].startswith("safetensors headers of someone/tiny-qwen on the Hub")
    hub.trouble = "gated"
    refused = _cloudgpu("estimate", REPO, "--weights-from", "hub", "--gpu", "RTX 4090")
    assert refused.returncode == 4
    assert refused.stderr.splitlines()[0].startswith(f"Error: {REPO} is gated")


def test_offline_mode_reads_what_the_hubs_own_client_downloaded(hub):
    names = sorted(path.name for path in hub.repos[REPO].iterdir())
    fetch = f"from huggingface_hub import hf_hub_download as get\nfor name in {names}: get({REPO!r}, name)"
    subprocess.run([sys.executable, "-c", fetch], check=True, capture_output=True, timeout=300)
    hub.asked.clear()
    done = _cloudgpu("estimate", REPO, "--gpu", "RTX 4090", "--json", HF_HUB_OFFLINE="1")
    assert "in the Hub's cache on this machine" in json.loads(done.stdout)["weights_source"]
    assert hub.asked == []


def test_a_plan_for_a_repository_is_read_again_without_the_hub(hub, tmp_path):
    from cloudgpu.planning.plan_file import load_plan

    plan = tmp_path / "plan.json"
    made = _cloudgpu("plan", REPO, "--out", str(plan), XDG_STATE_HOME=str(tmp_path / "state"))
    assert made.returncode == 0, made.stderr
    hub.trouble = "500"
    assert load_plan(plan).needs.model.model_id == REPO
