"""Which failures put a machine on the list, and that a plan then leaves it out: up, journal and list together."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from cloudgpu.base.settings import read_settings
from cloudgpu.cli.failed_machine import leave_alone
from cloudgpu.cli.session import Session
from cloudgpu.planning.blocklist import blocked_machines
from cloudgpu.running.deployment.request import Progress
from cloudgpu.serving.engine_log import fatal_in


def told(machine):
    detail = "1x RTX 4090 24 GB (offer 7): Bus error"
    return Progress(phase="failed", detail=detail, elapsed_s=0, usd=Decimal(0), bad_machine=machine)


@pytest.mark.parametrize(
    ("line", "blames"),
    [
        ("RuntimeError: CUDA error: an illegal memory access was encountered", True),
        ("Error 804: forward compatibility was attempted on non supported HW", True),
        ("ValueError: Free memory on device (20.1/23.6 GiB) on startup is less than desired", True),
        ("torch.OutOfMemoryError: CUDA out of memory.", False),
        ("OSError: [Errno 28] No space left on device", False),
        ("GatedRepoError: 401 Client Error", False),
    ],
)
def test_a_line_of_the_engine_blames_the_machine_only_when_another_one_might_do(line, blames):
    assert fatal_in(line).blames_machine is blames


def test_a_machine_that_is_blamed_is_left_alone_for_a_week(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    session = Session(read_settings())
    leave_alone(session, "vast", told(None))
    leave_alone(session, "vast", told("4711"))
    now = datetime.now(UTC)
    [entry] = blocked_machines(session.settings.state_dir, now)
    assert (entry.provider, entry.machine_id, entry.why) == ("vast", "4711", told(None).detail)
    assert timedelta(days=6.9) < entry.until - now < timedelta(days=7.1)
