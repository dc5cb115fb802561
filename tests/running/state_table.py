"""The table of the providers' states in docs/providers.md, from the code: `python -m tests.running.state_table`."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cloudgpu.running.deployment.state import state_of
from cloudgpu.running.providers.base import InstanceView
from cloudgpu.running.providers.docker.states import NEVER_STARTED_S
from cloudgpu.running.providers.docker.views import view_of
from cloudgpu.running.providers.runpod.pods import read_one as read_pod
from cloudgpu.running.providers.vast.instances import read_one as read_vast
from cloudgpu.running.records import DeploymentState
from tests.running.recorded import pod_row, vast_row

PAGE = Path(__file__).resolve().parents[2] / "docs" / "providers.md"
_BEGIN, _END = "<!-- states -->", "<!-- end of states -->"
_BROKEN = "Error response from daemon: manifest for x not found"

_VAST: Mapping[str, dict[str, Any]] = {
    "null: the host has not reported yet": {"actual_status": None},
    "`created`": {"actual_status": "created"},
    "`loading`": {"actual_status": "loading"},
    "`rebooting`": {"actual_status": "rebooting"},
    "`recycling`": {"actual_status": "recycling"},
    "`running`": {"actual_status": "running"},
    "`exited`": {"actual_status": "exited"},
    "`stopped`": {"actual_status": "stopped"},
    "`frozen`": {"actual_status": "frozen"},
    "`unknown`: no heartbeat": {"actual_status": "unknown"},
    "`offline`": {"actual_status": "offline"},
    "a new word": {"actual_status": "dreaming"},
    "not up yet, a daemon's error in `status_msg`": {"actual_status": "loading", "status_msg": _BROKEN},
    "intended `stopped` without our asking": {"actual_status": "exited", "intended_status": "stopped"},
    "the same of a bid": {"actual_status": "exited", "intended_status": "stopped", "is_bid": True},
    '`{"instances": null}`': {},
}
_RUNPOD: Mapping[str, dict[str, Any]] = {
    "`PROVISIONING`": {"status": "PROVISIONING"},
    "`STARTING`": {"status": "STARTING"},
    "`RUNNING`": {"status": "RUNNING"},
    "`RUNNING` at no cost and without a runtime": {"status": "RUNNING", "cost": 0, "runtime": None},
    "`EXITED`": {"status": "EXITED", "cost": 0},
    "`EXITED` with a volume": {"status": "EXITED", "cost": 0, "mounts": {"persistent": {"size": 50}}},
    "`ERROR`": {"status": "ERROR"},
    "a new word": {"status": "DREAMING"},
    "`TERMINATED`": {"status": "TERMINATED"},
}
_NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
_AGES_S = {"`created`": 0.0, f"`created` for more than {NEVER_STARTED_S:.0f} s": NEVER_STARTED_S + 1}
_DOCKER = ("running", "restarting", "paused", "removing", "exited", "dead")


def table() -> str:
    """The table in Markdown, one row a state."""
    head = "| provider | its words | ours | deployment | GPU billed | disk billed |\n|---|---|---|---|---|---|"
    return "\n".join([head, *_rows()])


def _rows() -> Iterator[str]:
    for words, more in _VAST.items():
        yield _row("Vast.ai", words, read_vast({"instances": _exact(vast_row(77, **more)) if more else None}))
    for words, more in _RUNPOD.items():
        yield _row("RunPod", words, read_pod(_exact(pod_row(77, **more))))
    for words, age_s in _AGES_S.items():
        yield _row("Docker", words, _container("created", age_s))
    for word in _DOCKER:
        yield _row("Docker", f"`{word}`", _container(word))
    yield _row("Docker", "a new word", _container("levitating"))
    yield _row("Docker", "404 `No such container`", None)


def _container(status: str, age_s: float = 0.0) -> InstanceView:
    created = (_NOW - timedelta(seconds=age_s)).isoformat()
    row = {"Id": "77", "Created": created, "State": {"Status": status}, "Config": {"Labels": {}}, "NetworkSettings": {}}
    return view_of(row, _NOW, None)


def _exact(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: Decimal(str(value)) if isinstance(value, float) else value for name, value in row.items()}


def _row(provider: str, words: str, view: InstanceView | None) -> str:
    if view is None:
        return f"| {provider} | {words} | none of that id | gone, once a complete listing agrees | no | no |"
    new, served = (
        state_of(SimpleNamespace(state=before, endpoint=None), view).value
        for before in (DeploymentState.STARTING, DeploymentState.READY)
    )
    deployment = new if new == served else f"{new}, then {served}"
    gpu, disk = ("yes" if billed else "no" for billed in (view.gpu_billing, view.disk_billing))
    return f"| {provider} | {words} | {view.state.value} | {deployment} | {gpu} | {disk} |"


def section(text: str) -> str:
    """What stands between the marks of the page."""
    return text.split(_BEGIN)[1].split(_END)[0].strip()


def main() -> None:
    """Write the table into the page."""
    text = PAGE.read_text(encoding="utf-8")
    head, rest = text.split(_BEGIN)
    PAGE.write_text(f"{head}{_BEGIN}\n{table()}\n{_END}{rest.split(_END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
