"""Reads the provider's own bill for one deployment into an event."""

import contextlib

from cloudgpu.base.clock import Clock, utc_text
from cloudgpu.base.errors import CloudgpuError
from cloudgpu.base.events import Emit, Event, EventKind
from cloudgpu.base.money import exact_text
from cloudgpu.running.providers.base import BilledLine, Provider
from cloudgpu.running.records import Deployment


def read_bill(deployment: Deployment, provider: Provider, emit: Emit, clock: Clock) -> int:
    """Emit CHARGED with every line that the provider bills for it so far; the number of lines.

    Does nothing, and answers 0, when it never had an instance. Calls the network; raises as the provider does.
    """
    if deployment.instance_id is None:
        return 0
    lines = provider.bill(deployment.instance_id, deployment.since)
    now = clock.now()
    data = {"fetched_at": utc_text(now), "lines": [_plain(line) for line in lines]}
    event = Event(
        kind=EventKind.CHARGED, at=now, deployment=deployment.name, provider=deployment.provider,
        token=deployment.token, instance_id=deployment.instance_id, data=data,
    )  # fmt: skip
    emit(event)
    return len(lines)


def read_bill_at_the_end(deployment: Deployment, provider: Provider, emit: Emit, clock: Clock) -> None:
    """`read_bill` for what is proved to be gone: that counts, and its bill can be read later as well. Never raises."""
    with contextlib.suppress(CloudgpuError):
        read_bill(deployment, provider, emit, clock)


def _plain(line: BilledLine) -> dict[str, str]:
    return {
        "meter": line.meter, "start": utc_text(line.start), "end": utc_text(line.end), "usd": exact_text(line.usd),
    }  # fmt: skip
