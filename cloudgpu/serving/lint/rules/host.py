"""Memory of the host: O10."""

from collections.abc import Iterator

from cloudgpu.serving.lint.case import Case
from cloudgpu.serving.lint.finding import Hit, Severity
from cloudgpu.serving.lint.rule import rule

_GIB = 1 << 30
_BESIDE_WEIGHTS_GIB = 8


@rule("O10", Severity.WARNING, "limits and devices in a form that does not mean what it says", source="users' profiles")
def container_limits(case: Case) -> Iterator[Hit]:
    """A memory limit below one shard and the process; several device ids in one string."""
    devices = case.service.devices
    if devices and any("," in each for each in devices):
        yield Hit(message=f"device_ids {devices[0]!r} is one id to Compose: the cards appear by the driver's grace",
                  fix="write a list: ['0', '1']", at=case.service.at("deploy"), severity=Severity.NOTE)  # fmt: skip
    limit = case.service.memory_bytes
    if limit and limit < _BESIDE_WEIGHTS_GIB * _GIB:
        yield Hit(message=f"a memory limit of {limit / _GIB:.1f} GiB is below what the engine's process needs to load",
                  fix=f"give it {_BESIDE_WEIGHTS_GIB} GiB and 1.2 times the largest weight file at least",
                  at=case.service.at("deploy"))  # fmt: skip
