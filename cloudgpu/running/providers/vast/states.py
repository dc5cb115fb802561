"""Vast.ai's words for an instance, in ours, in one table.

Three words matter: `intended_status` (what the contract wants), `actual_status` (what the host reports, null at first)
and `status_msg` (free text, the only place where a failed start is told). An intent of `stopped` that we never gave
means that the host, a higher bid or an empty purse stopped it. No field says outbid: of an instance that bids, nobody
but a higher bid is taken to have stopped it, since we never stop one.
"""

import re
from dataclasses import dataclass

from cloudgpu.running.providers.base import InstanceState


@dataclass(frozen=True, slots=True)
class Billing:
    """What is charged in a state: the GPU while it runs (or is frozen), the disk unless the host is lost."""

    gpu: bool
    disk: bool


WORDS: dict[str | None, InstanceState] = {
    None: InstanceState.PROVISIONING,
    "created": InstanceState.PROVISIONING,
    "loading": InstanceState.STARTING,
    "rebooting": InstanceState.STARTING,
    "recycling": InstanceState.STARTING,
    "running": InstanceState.RUNNING,
    "exited": InstanceState.FAILED,
    "stopped": InstanceState.STOPPED,
    "frozen": InstanceState.STOPPED,
    "unknown": InstanceState.OFFLINE,
    "offline": InstanceState.OFFLINE,
}
"""Vast.ai's `actual_status`, in ours."""

_GPU_BILLED = ("running", "frozen")
_DISK_FREE = ("offline",)
_BROKEN_START = re.compile(
    r"error response from daemon|oci runtime|manifest .*not found|pull access denied|unauthorized|no space left", re.I
)
_NOT_YET = (InstanceState.PROVISIONING, InstanceState.STARTING)


def instance_state(
    actual: str | None, intended: str | None, message: str | None, *, is_bid: bool = False
) -> InstanceState:
    """Our state for Vast's three words. An unknown `actual` counts as offline: it does not serve, and may bill."""
    if intended == "stopped" and actual != "offline":
        stopped = InstanceState.OUTBID if is_bid else InstanceState.STOPPED
        return InstanceState.FAILED if _BROKEN_START.search(message or "") else stopped
    state = WORDS.get(actual, InstanceState.OFFLINE)
    if state in _NOT_YET and _BROKEN_START.search(message or ""):
        return InstanceState.FAILED
    return state


def billing(actual: str | None) -> Billing:
    """What Vast charges in this state."""
    return Billing(gpu=actual in _GPU_BILLED, disk=actual not in _DISK_FREE)
