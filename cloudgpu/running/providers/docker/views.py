"""One container, read strictly from what the daemon tells of it by itself."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from cloudgpu.base.errors import BadAnswerError
from cloudgpu.base.money import ZERO, usd
from cloudgpu.running.providers.base import Address, InstanceState, InstanceView
from cloudgpu.running.providers.docker.container import GPUS, TOKEN, USD_PER_HOUR, short_id
from cloudgpu.running.providers.docker.states import container_state, why
from cloudgpu.running.providers.words import words

_EVERYWHERE = ("", "0.0.0.0", "::")
_HERE = "127.0.0.1"


def view_of(row: Any, now: datetime, machine: str | None) -> InstanceView:  # noqa: ANN401  (whatever came)
    """The answer to an inspect. `machine` is the daemon's host, None for this one.

    Raises BadAnswerError when it lacks its id, its state or its labels.
    """
    try:
        state, labels, created = row["State"], row["Config"]["Labels"] or {}, _moment(row["Created"])
        status = str(state["Status"])
        ours = container_state(status, (now - created).total_seconds())
        running = ours is InstanceState.RUNNING
        return InstanceView(
            instance_id=short_id(row["Id"]),
            label=labels.get(TOKEN),
            machine_id=None,
            state=ours,
            detail=_detail(state, status),
            gpu_usd_per_hour=usd(labels.get(USD_PER_HOUR) or "0"),
            disk_usd_per_hour=ZERO,
            gpu_billing=running,
            disk_billing=False,
            addresses=dict(_addresses(row["NetworkSettings"].get("Ports") or {}, machine)) if running else {},
            started_at=created,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadAnswerError(f"Docker: a container cannot be read: {error!r}", hint="see: docker ps --all") from error


def cards_held(row: Mapping[str, Any]) -> frozenset[str]:
    """Ids of the cards that a row of the listing says were given to a container of ours."""
    labels = row.get("Labels") or {}
    return frozenset(filter(None, str(labels.get(GPUS, "")).split(",")))


def _detail(state: Mapping[str, Any], status: str) -> str:
    return why(
        status,
        int(state.get("ExitCode") or 0),
        out_of_memory=state.get("OOMKilled") is True,
        said=words(str(state.get("Error") or ""), 200),
        health=str((state.get("Health") or {}).get("Status") or ""),
    )


def _addresses(ports: Mapping[str, Any], machine: str | None) -> Iterator[tuple[int, Address]]:
    for inside, published in ports.items():
        number, _, kind = inside.partition("/")
        if kind == "tcp" and published:
            host = str(published[0].get("HostIp") or "")
            reached = (machine or _HERE) if host in _EVERYWHERE else host
            reached = f"[{reached}]" if ":" in reached else reached
            yield int(number), Address(host=reached, port=int(published[0]["HostPort"]))


def _moment(stamp: object) -> datetime:
    moment = datetime.fromisoformat(str(stamp))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
