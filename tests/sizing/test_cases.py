"""Cases: one object in, one estimate or one error out."""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from cloudgpu.base.errors import CloudgpuError, UsageError
from cloudgpu.cli.main import app
from cloudgpu.sizing.cases import answer_case, estimate_case, split_over
from cloudgpu.sizing.fixes import fixes_for

NAMES = (
    *("model", "config", "gpu", "gpu_total_gib", "gpus", "tensor_parallel", "pipeline_parallel", "max_model_len"),
    *("gpu_memory_utilization", "kv_cache_dtype", "dtype", "quantization", "max_num_seqs", "max_num_batched_tokens"),
    *("enforce_eager", "lora_rank", "max_loras", "engine", "engine_version"),
)
CASE = {"model": "qwen-14b", "gpu": "H100", "max_model_len": 8192}


def test_a_case_takes_an_inline_config_and_a_bare_total():
    config = {
        "model_type": "llama",
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 128256,
        "max_position_embeddings": 131072,
    }
    by_config = estimate_case({"config": config, "gpu_total_gib": 79.18})
    assert by_config.weights_gib == estimate_case({"model": "llama-3.1-8b", "gpu_total_gib": 79.18}).weights_gib
    assert by_config.total_gib == 79.18


def test_a_number_of_gpus_becomes_tensor_parallelism():
    assert estimate_case({**CASE, "gpus": 2}).tensor_parallel == 2
    assert split_over(8, None, 2) == (4, 2)
    with pytest.raises(UsageError, match="does not use 8 GPUs"):
        split_over(8, 2, 2)


def test_a_case_may_carry_its_name_a_remark_and_what_says_nothing():
    assert estimate_case({**CASE, "id": 7, "note": "mine", "bogus": None}) == estimate_case(CASE)


@pytest.mark.parametrize(
    ("name", "said"), [("bogus", "no 'bogus'"), ("max_modellen", "mean max_model_len"), ("max-model-len", "mean max_m")]
)
def test_a_name_that_means_nothing_is_an_error_of_its_line_alone(tmp_path, name, said):
    file = tmp_path / "cases.jsonl"
    file.write_text("\n".join(json.dumps({"id": each, **CASE, **more}) for each, more in ((1, {name: 5}), (2, {}))))
    result = CliRunner().invoke(app, ["estimate", "--cases", str(file)])
    wrong, right = (json.loads(line) for line in result.stdout.splitlines())
    assert (wrong["id"], wrong["error"]["code"]) == (1, "usage")
    assert said in wrong["error"]["message"]
    assert right["starts"] is True


def test_the_short_names_of_the_command_line_are_known_in_a_case_too():
    short = {"model": "qwen-14b", "gpu": "H100", "context": 8192, "tp": 2}
    assert estimate_case(short) == estimate_case({**CASE, "tensor_parallel": 2})
    with pytest.raises(UsageError, match="are one thing"):
        estimate_case({**CASE, "context": 4096})


@pytest.mark.parametrize(("gpu", "total"), [("RTX 4090", 80), ("RTX 3090", 1), ("H100", 400)])
def test_a_card_that_cannot_have_so_much_memory_is_a_contradiction(gpu, total):
    with pytest.raises(UsageError, match=f"has {total} GiB"):
        estimate_case({**CASE, "gpu": gpu, "gpu_total_gib": total})


@pytest.mark.parametrize(("gpu", "total"), [("RTX 4090", 47.4), ("V100", 31.74), ("A100", 39.39), ("H100", 9.8)])
def test_another_size_a_modded_card_or_a_slice_is_none(gpu, total):
    assert estimate_case({**CASE, "gpu": gpu, "gpu_total_gib": total}).total_gib == total


@given(
    st.dictionaries(
        st.sampled_from(NAMES),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.sampled_from(["", "x", "8", "awq"])
        | st.lists(st.integers(), max_size=1),
    )
)
@settings(max_examples=200)
def test_no_case_breaks_the_estimate(broken):
    with suppress(CloudgpuError):
        assert estimate_case({**CASE, **broken}).error_band_gib > 0


def test_a_bad_line_is_answered_and_never_stops_the_others(tmp_path):
    lines = [
        json.dumps({"id": "a", **CASE}),
        "nonsense",
        "[1]",
        '{"id": "b", "model": "nope", "gpu": "H100"}',
        "",
        json.dumps({"id": 5, **CASE}),
    ]
    file = tmp_path / "cases.jsonl"
    file.write_text("\n".join(lines))
    result = CliRunner().invoke(app, ["estimate", "--cases", str(file)])
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert [answer["id"] for answer in answers] == ["a", None, None, "b", 5]
    assert answers[0]["starts"] is True
    assert answers[3]["error"]["code"] == "unknown_model"
    assert set(answers[1]["error"]) == {"code", "message"}


def test_the_command_line_and_a_case_give_the_same_answer():
    result = CliRunner().invoke(app, ["estimate", "qwen-14b", "--gpu", "H100", "--max-model-len", "8192", "--json"])
    shown = json.loads(result.stdout)
    assert shown.pop("schema_version") == 1
    assert shown == answer_case(CASE).as_json()


def test_the_shown_budget_adds_up_to_the_card():
    from cloudgpu.cli.estimate.view import budget_rows

    for case in (CASE, {**CASE, "gpu": "RTX 4090"}, {**CASE, "model": "gemma-3-27b"}):
        rows = [(name, float(gib)) for name, gib, _ in budget_rows(estimate_case(case))]
        parts = sum(gib for name, gib in rows if not name.startswith("="))
        assert parts == pytest.approx(dict(rows)["= card"], abs=0.05)


def test_the_verdict_comes_first():
    result = CliRunner().invoke(app, ["estimate", "qwen-14b", "--gpu", "RTX 4090"])
    assert result.stdout.splitlines()[0].startswith("Does not start: 27.6 GiB of weights")


@pytest.mark.parametrize("command", ["models", "gpus"])
def test_the_catalogues_are_listed_filtered_and_given_as_json(command):
    key = {"models": "mistral", "gpus": "4090"}[command]
    listed = CliRunner().invoke(app, [command, key])
    as_json = json.loads(CliRunner().invoke(app, [command, key, "--json"]).stdout)
    assert listed.exit_code == 0
    assert key in listed.stdout.lower()
    assert 0 < len(as_json[command]) < 20


def test_a_refusal_names_the_options_that_would_make_it_start():
    shown = " ".join(CliRunner().invoke(app, ["estimate", "qwen-14b", "--gpu", "RTX 4090"]).stdout.split())
    assert "As asked it would start with --gpus 2 or --quantization fp8 or --quantization awq." in shown
    case = {"model": "qwen-14b", "gpu": "RTX 4090"}
    assert all(estimate_case({**case, **more}).starts for more in ({"gpus": 2}, {"quantization": "fp8"}))


def test_a_refusal_that_nothing_mends_offers_nothing():
    assert fixes_for({"model": "deepseek-v3", "gpu": "RTX 3060"}) == ()
