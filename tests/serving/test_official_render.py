"""SkyPilot, dstack and Kubernetes' own schemas are the judges of what is rendered for them, each in an environment of
its own. A LeaderWorkerSet is no part of Kubernetes: of it the pods are judged."""

import os
import subprocess

import pytest

from tests.emulator.clients import installed

pytestmark = [pytest.mark.official, pytest.mark.slow]

JUDGES = {
    "skypilot": (
        "skypilot==0.12.3",
        "import sys, sky\n"
        "from sky.serve import serve_utils\n"
        "task = sky.Task.from_yaml(sys.argv[1])\n"
        "serve_utils.validate_service_task(task, pool=False)\n"
        "print(task.service.readiness_path, list(task.resources)[0].image_id)",
    ),
    "dstack": (
        "dstack==0.22.5",
        "import sys, yaml\n"
        "from dstack._internal.core.models.configurations import parse_run_configuration\n"
        "made = parse_run_configuration(yaml.safe_load(open(sys.argv[1])))\n"
        "print(made.type, made.image)",
    ),
    "k8s": (
        "kubernetes-validate==1.37.0",
        "import sys, yaml, kubernetes_validate\n"
        "for each in yaml.safe_load_all(open(sys.argv[1])):\n"
        "    group = each.get('spec', {}).get('leaderWorkerTemplate', {})\n"
        "    pods = [group[part] for part in ('leaderTemplate', 'workerTemplate') if part in group]\n"
        "    for one in [{'apiVersion': 'v1', 'kind': 'Pod', **pod} for pod in pods] or [each]:\n"
        "        kubernetes_validate.validate(one, '1.34', strict=True)\n"
        "        print(one['kind'], one.get('spec'))",
    ),
}


@pytest.fixture(scope="module", params=JUDGES)
def judge(request):
    """The format and a call that hands a file to its own tool."""
    package, script = JUDGES[request.param]
    programs = installed(f"render-{package.replace('==', '-')}", package, "setuptools<81")

    def ask(path):
        environment = {**os.environ, "HOME": str(path.parent), "SKYPILOT_DISABLE_USAGE_COLLECTION": "1"}
        command = [str(programs / "python"), "-c", script, str(path)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)

    return request.param, ask


@pytest.mark.parametrize(
    "options",
    [(), ("--context", "65536"), ("--gpus", "2"), ("--nodes", "2"), ("--nodes", "2", "--engine-version", "0.11.0")],
    ids=str,
)
def test_the_tools_own_parser_takes_the_file(render, judge, options, tmp_path):
    form, ask = judge
    (tmp_path / "it.yaml").write_text(render(form, *options))
    done = ask(tmp_path / "it.yaml")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "vllm/vllm-openai" in done.stdout


def test_it_would_refuse_a_wrong_one(render, judge, tmp_path):
    form, ask = judge
    text = (
        render(form).replace("image:", "picture:").replace("image_id:", "picture:").replace("resources:", "resourcez:")
    )
    (tmp_path / "it.yaml").write_text(text)
    assert ask(tmp_path / "it.yaml").returncode != 0
