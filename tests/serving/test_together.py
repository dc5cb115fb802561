"""A model that no one machine holds: how many of what, said to those who can rent it, started as vLLM documents it."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import yaml

from cloudgpu.base.errors import NothingFitsError, UsageError
from cloudgpu.planning.market import reference_market
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.nodes import fewest_nodes, nodes_of, plan_on_nodes
from cloudgpu.sizing.models import resolve_model
from cloudgpu.sizing.options import ServingOptions

NOW = datetime(2026, 11, 20, tzinfo=UTC)
LARGE = ("deepseek-r1", "--gpu", "H100 SXM")


def needs(model="deepseek-r1", gpu="H100 SXM", **options):
    return Needs(model=resolve_model(model), options=ServingOptions(**options), gpu=gpu, verified_only=False)


def scripts(text):
    """(tool, what each machine runs) of a rendered file."""
    for body in yaml.safe_load_all(text):
        if "run" in body:
            yield body["run"]
        elif "commands" in body:
            yield "\n".join(body["commands"])
        elif body.get("kind") == "LeaderWorkerSet":
            group = body["spec"]["leaderWorkerTemplate"]
            for part in ("leaderTemplate", "workerTemplate"):
                yield group[part]["spec"]["containers"][0]["command"][-1]


def started(script, rank, folder):
    """What a machine of that rank starts; programs stand in for vLLM, Ray and Python."""
    for name, body in (
        ("vllm", 'echo "vllm $*"'), ("python3", "echo 2"), ("sleep", "true"),
        ("ray", 'echo "ray $*"; [ "$2" = --head ] || exit 0'),
    ):  # fmt: skip
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    ranks = {name: str(rank) for name in ("SKYPILOT_NODE_RANK", "DSTACK_NODE_RANK", "LWS_WORKER_INDEX")}
    heads = dict.fromkeys(("DSTACK_MASTER_NODE_IP", "LWS_LEADER_ADDRESS"), "10.0.0.1")
    known = {"PATH": f"{folder}:/usr/bin:/bin", "VLLM_API_KEY": "k", "SKYPILOT_NODE_IPS": "10.0.0.1\n10.0.0.2"}
    done = subprocess.run(
        ["bash", "-c", script], env={**known, **ranks, **heads}, capture_output=True, text=True, check=True, timeout=300
    )
    return done.stdout


def test_the_planner_finds_the_smallest_number_of_machines_and_each_holds_its_part():
    plan = fewest_nodes(needs(), reference_market(), NOW)
    first = plan.candidates[0]
    assert (nodes_of(plan), first.offer.gpu, first.offer.gpu_count, first.tensor_parallel) == (2, "H100 SXM", 8, 8)
    assert first.memory.starts
    assert not plan_on_nodes(needs(), reference_market(), NOW, 1).candidates
    more = plan_on_nodes(replace(needs(), gpu_count=8), reference_market(), NOW, 3).candidates[0]
    assert more.memory.weights_gib < first.memory.weights_gib


def test_a_part_that_fits_smaller_machines_is_counted_not_refused_for_the_whole_models_weight():
    plan = plan_on_nodes(needs("llama-3.1-405b", "A100 SXM4 80GB"), reference_market(), NOW, 4)
    assert plan.candidates[0].offer.gpu_count == 4


def test_engines_that_are_not_split_across_machines_are_not_offered_so():
    assert fewest_nodes(needs(engine="llama.cpp", engine_version="b6000"), reference_market(), NOW) is None


@pytest.mark.parametrize("form", ["skypilot", "dstack", "k8s"])
@pytest.mark.parametrize("release", ["0.25.1", "0.11.0"])
def test_every_machine_starts_its_part_of_the_same_server(render, form, release, tmp_path):
    done = render.typed(*LARGE, "--as", form, "--engine-version", release)
    assert done.exit_code == 0, done.output
    for script in scripts(done.stdout):
        first, second = (started(script, rank, tmp_path) for rank in (0, 1))
        assert "--tensor-parallel-size 8 --pipeline-parallel-size 2" in first
        if release == "0.25.1":
            assert "--nnodes 2 --node-rank 0 --master-addr 10.0.0.1" in first
            assert "--headless" not in first
            assert "--nnodes 2 --node-rank 1 --master-addr 10.0.0.1 --headless" in second
        else:
            assert first.startswith("ray start --head")
            assert "--distributed-executor-backend ray" in first
            assert second == "ray start --address=10.0.0.1:6379 --block\n"


def test_the_tools_are_told_how_many_machines(render):
    assert yaml.safe_load(render.typed(*LARGE, "--as", "skypilot").stdout)["num_nodes"] == 2
    task = yaml.safe_load(render.typed(*LARGE, "--as", "dstack").stdout)
    assert (task["type"], task["nodes"]) == ("task", 2)
    group, service = yaml.safe_load_all(render.typed(*LARGE, "--as", "k8s").stdout)
    assert group["spec"]["leaderWorkerTemplate"]["size"] == 2
    leader = group["spec"]["leaderWorkerTemplate"]["leaderTemplate"]
    assert service["spec"]["selector"].items() <= leader["metadata"]["labels"].items()


@pytest.mark.parametrize("form", ["compose", "docker", "vast", "runpod"])
def test_forms_of_one_machine_refuse_it_and_point_to_those_that_rent_fleets(render, form):
    refusal = render.typed(*LARGE, "--as", form).exception
    assert isinstance(refusal, NothingFitsError)
    assert "2 machines of 8x H100 SXM" in refusal.hint
    assert "render deepseek-r1 --as skypilot" in refusal.hint
    assert isinstance(render.typed("qwen-14b", "--as", form, "--nodes", "2").exception, UsageError)


def test_one_machine_stays_one_where_it_does(render):
    assert "num_nodes" not in render("skypilot")
    assert yaml.safe_load(render("dstack"))["type"] == "service"
