"""How many calls a deployment costs, and how soon `up` knows that it serves: `python -m tests.running.api_calls`.

Each provider is emulated with its documented limits enforced, on a clock that stands: what is counted is what the
adapter sent from the plan's search to the last look after `down`. Rewrites the table in docs/providers.md.
"""

import re
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cloudgpu.emulator.rig import Rig
from cloudgpu.running.deployment import Deployment, take_down
from tests.running.emulated import PROVIDERS, World

PAGE = Path(__file__).resolve().parents[2] / "docs" / "providers.md"
MODELS = ("mistral", "qwen-14b")
_BEGIN, _END = "<!-- api calls -->", "<!-- end of api calls -->"
_SAID = re.compile(r"(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d) .*Application startup complete")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One deployment: seconds from the create to its engine's word and to ours, and the calls of its whole life."""

    provider: str
    model: str
    engine_ready_s: float
    known_after_s: float
    up_calls: Mapping[str, int]
    down_calls: Mapping[str, int]


def measured(rig: Rig, name: str, model: str, seed: int = 1) -> Measured:
    """One deployment, up and down again, with the provider's documented limits enforced."""
    rig.reset(seed=seed)
    rig.fault(name, on="any", do="rate_limits")
    with tempfile.TemporaryDirectory() as folder:
        world = World(name, rig, Path(folder))
        deployment = world.up(model)
        up_calls = world.provider.headroom().calls
        said_at = _engine_said(world, deployment)
        before = Counter(world.provider.headroom().calls)
        take_down(deployment, **world.tools)
        down_calls = Counter(world.provider.headroom().calls) - before
        world.store.close()
    assert deployment.ready_at is not None
    return Measured(
        provider=name, model=model, engine_ready_s=(said_at - deployment.since).total_seconds(),
        known_after_s=(deployment.ready_at - said_at).total_seconds(), up_calls=up_calls, down_calls=down_calls,
    )  # fmt: skip


def table(rows: Sequence[Measured]) -> str:
    """The rows in Markdown."""
    lines = [
        "| provider | model | engine ready after | `up` knows | calls of `up` | a minute | calls of `down` |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        total, minutes = sum(row.up_calls.values()), (row.engine_ready_s + row.known_after_s) / 60
        lines.append(
            f"| {row.provider} | {row.model} | {row.engine_ready_s:.0f} s | {row.known_after_s:.1f} s later "
            f"| {total}: {_told(row.up_calls)} | {total / minutes:.0f} "
            f"| {sum(row.down_calls.values())}: {_told(row.down_calls)} |"
        )
    return "\n".join(lines)


def _told(calls: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(calls.items(), key=lambda each: (-each[1], each[0])))


def _engine_said(world: World, deployment: Deployment) -> datetime:
    """When the engine's own log says that it serves, to the second."""
    if world.name == "vast":
        found = _SAID.search(world.provider.logs(deployment.instance_id, 1000))
        month, day, hour, minute, second = (int(part) for part in found.groups())
        return datetime(deployment.since.year, month, day, hour, minute, second, tzinfo=UTC)
    path = f"{world.rig.url}/v2/pods/{deployment.instance_id}/logs"
    return _said_in_stream(path, world.rig.runpod_key.reveal())


def _said_in_stream(url: str, key: str) -> datetime:
    import json

    import requests

    with requests.get(
        url, params={"tail": 1000}, headers={"Authorization": f"Bearer {key}"}, stream=True, timeout=60
    ) as answer:
        for line in answer.iter_lines():
            if b"Application startup complete" in line:
                return datetime.fromisoformat(json.loads(line.removeprefix(b"data: "))["ts"])
    raise AssertionError("the engine never said that it serves")


def main() -> None:
    """Measure, and write the table with its date into the page."""
    with Rig() as rig:
        rows = [measured(rig, name, model) for name in PROVIDERS for model in MODELS]
    text = PAGE.read_text(encoding="utf-8")
    head, rest = text.split(_BEGIN)
    tail = rest.split(_END)[1]
    day = datetime.now(UTC).date()
    PAGE.write_text(f"{head}{_BEGIN}\nMeasured on {day}.\n\n{table(rows)}\n{_END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()
