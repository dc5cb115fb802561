"""The built wheel carries the templates and the reference offers, and works without the repository."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return next(out.glob("*.whl"))


def test_templates_and_offers_travel_inside(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("templates", "offers"):
        for path in (each for each in (ROOT / folder).rglob("*") if each.is_file()):
            assert f"cloudgpu/_data/{path.relative_to(ROOT)}" in names
    assert "cloudgpu/py.typed" in names
    assert "cloudgpu/sizing/catalog/models.jsonl" in names


def test_plan_works_from_the_wheel_alone(wheel, tmp_path):
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    environment = os.environ | {"PYTHONPATH": str(site), "HOME": str(tmp_path)}
    command = [sys.executable, "-c", "import cloudgpu, sys; print(cloudgpu.__file__)"]
    where = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert where.stdout.startswith(str(site))
    command = [sys.executable, "-m", "cloudgpu", "plan", "qwen-14b", "--json"]
    plan = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(plan.stdout)["candidates"]
