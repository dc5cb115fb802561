"""Images and videos of vision models: what the engine's profile run took for them, and what it leaves out."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cloudgpu.sizing.cases import estimate_case
from cloudgpu.sizing.engines import vllm
from cloudgpu.sizing.memory.load import Load
from cloudgpu.sizing.memory.overhead import activation_peak_gib
from cloudgpu.sizing.models import resolve_model

ROWS = [json.loads(line) for line in (Path(__file__).parent / "data/images.jsonl").read_text().splitlines()]
OLDER_RUNNER = replace(vllm.profile("0.25.1"), has_v2_runner=False)
CASE = {"model": "qwen2.5-vl-7b", "gpu": "H100", "max_model_len": 32768}


@pytest.mark.parametrize("row", [pytest.param(row, id=row["id"]) for row in ROWS])
def test_the_peak_with_images_is_what_the_older_runner_logged(row):
    wanted = {
        name: row[name] for name in ("tokens", "sequences", "context", "image_limit", "max_pixels") if name in row
    }
    found = activation_peak_gib(resolve_model(row["model"]).architecture, OLDER_RUNNER, Load(**wanted))
    assert found == pytest.approx(row["seen"]["activation_peak_gib"], rel=0.06, abs=0.08)


def test_the_newer_runner_left_images_out_of_its_budget_at_first():
    def peaks(version):
        limits = ({}, {"image_limit": 1}, {"image_limit": 0})
        return [estimate_case({**CASE, "engine_version": version, **limit}).activation_peak_gib for limit in limits]

    video, image, none = peaks("0.25.1")
    assert video == image == none
    video, image, none = peaks("0.26.0")
    assert video > image > none


def test_what_the_newer_runner_leaves_out_is_said():
    notes = estimate_case({**CASE, "engine_version": "0.25.1"}).capability_notes
    assert any("images" in note and "1.9 GiB" in note for note in notes)
    assert not any("images" in note for note in estimate_case({**CASE, "engine_version": "0.26.0"}).capability_notes)
    assert not any("images" in note for note in estimate_case({**CASE, "image_limit": 0}).capability_notes)


def test_a_longer_context_lets_a_longer_video_be_profiled_up_to_14_frames():
    peaks = [
        estimate_case({**CASE, "engine_version": "0.26.0", "max_model_len": length}).activation_peak_gib
        for length in (16384, 32768, 65536, 114688, 128000)
    ]
    assert peaks == sorted(peaks)
    assert peaks[-1] == peaks[-2] > peaks[0]


def test_the_buffer_of_the_towers_middle_layers_grows_with_the_step():
    case = {"model": "qwen3-vl-8b", "gpu": "H100"}
    small, large = (estimate_case({**case, "max_num_batched_tokens": tokens}).weights_gib for tokens in (2048, 16384))
    assert large - small == pytest.approx(0.32, abs=0.01)
