"""Docker's words for a container, in ours, in one table. `running` says that its process lives, not that it serves."""

from cloudgpu.running.providers.base import InstanceState

WORDS = {
    "created": InstanceState.PROVISIONING,
    "running": InstanceState.RUNNING,
    "restarting": InstanceState.STARTING,
    "paused": InstanceState.STOPPED,
    "removing": InstanceState.STOPPED,
    "exited": InstanceState.FAILED,
    "dead": InstanceState.FAILED,
}
"""Docker's `State.Status`, in ours. One that was created and never started counts as failed after a while."""

NEVER_STARTED_S = 120.0
"""A start takes seconds. What still stands created after so long was left behind between the two requests."""

_KILLED = 137


def container_state(status: str, age_s: float) -> InstanceState:
    """Our state for Docker's. `age_s` are seconds since it was created. A word that is not known does not serve."""
    if status == "created" and age_s > NEVER_STARTED_S:
        return InstanceState.FAILED
    return WORDS.get(status, InstanceState.OFFLINE)


def why(status: str, exit_code: int, *, out_of_memory: bool, said: str, health: str) -> str:
    """What became of it, in words; empty for what runs well. `said`: the daemon's remark, `health`: its check's."""
    if status == "exited" and out_of_memory:
        return "the machine ran out of memory and killed it"
    if status == "exited":
        how = "was killed" if exit_code == _KILLED else f"ended with {exit_code}"
        return f"its command {how}" + (f": {said}" if said else "")
    if status == "running":
        return health if health not in ("", "none", "healthy") else ""
    return said or status
