"""Two commands at once with one key, where the provider enforces its documented limits: both finish."""

import subprocess
import sys
from pathlib import Path

import pytest

from cloudgpu.emulator.rig import Rig

ROOT = Path(__file__).parents[2]
UP = """
import sys
from pathlib import Path
from types import SimpleNamespace
from cloudgpu.base.secret import Secret
from cloudgpu.emulator.standing_clock import StandingClock
from cloudgpu.running.providers.turns import Turns
from tests.running.emulated import World, open_provider

url, key, clock, folder = sys.argv[1:]
rig = SimpleNamespace(url=url, vast_key=Secret(key), runpod_key=Secret(key), clock=StandingClock(Path(clock)))
world = World("vast", rig, Path(folder))
world.provider = open_provider("vast", rig, turns=Turns(Path(folder).parent / "turns.json"))
print(world.up("mistral").instance_id)
"""


@pytest.mark.slow  # two processes, each from an empty journal to an engine that answers
def test_two_ups_at_once_with_one_key_both_end_with_a_machine_of_their_own(tmp_path):
    with Rig() as rig:
        rig.fault("vast", on="any", do="rate_limits")
        running = [_up(rig, tmp_path / name) for name in ("one", "two")]
        said = [process.communicate(timeout=300) for process in running]
        assert [process.returncode for process in running] == [0, 0], said
        assert {out.strip() for out, _ in said} == {each.instance_id for each in rig.rented()}
        assert len(rig.ever_rented()) == 2


def _up(rig, folder):
    folder.mkdir()
    told = [rig.url, rig.vast_key.reveal(), str(rig.clock.path), str(folder)]
    return subprocess.Popen(
        [sys.executable, "-c", UP, *told], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
