"""RunPod's pods, read strictly: a listing without its page mark is no listing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from ipaddress import ip_address
from typing import Any

from cloudgpu.base.errors import BadAnswerError
from cloudgpu.base.money import PICO, ZERO, usd
from cloudgpu.base.units import HOURS_PER_MONTH
from cloudgpu.running.gpu_load import GpuLoad, load_of
from cloudgpu.running.providers.base import Address, InstanceState, InstanceView
from cloudgpu.running.providers.pages import Page, all_rows
from cloudgpu.running.providers.runpod.states import TERMINATED, PodBilling, pod_billing, pod_state

PROXY_DOMAIN = "proxy.runpod.net"


def read_listing(page: Callable[[str | None], Any]) -> list[InstanceView]:
    """Every pod that is not terminated, all pages; `page` asks for the one after a cursor.

    Raises BadAnswerError for missing keys, doubles or a cursor twice. RunPod states no total: a page cut short by its
    server could not be told from a whole one.
    """
    return _whole(all_rows(lambda cursor: _page(page(cursor)), _bad))


def read_one(body: Any) -> InstanceView | None:  # noqa: ANN401  (whatever came)
    """One pod; None for a terminated one. Raises BadAnswerError."""
    if not isinstance(body, Mapping):
        raise _bad("a pod's answer is no object")
    return None if body.get("status") == TERMINATED else view(body)


def view(row: Mapping[str, Any]) -> InstanceView:
    """One row. `cost` is taken for GPU and disk together; it says 0 while a stopped pod's volume goes on costing.

    Raises BadAnswerError when it lacks its id, its status or its price.
    """
    try:
        status = str(row["status"])
        cost = _amount(row["cost"])
        lost = status == "RUNNING" and not cost and row.get("runtime") is None
        state = pod_state(status, lost=lost)
        billed = pod_billing(status, cost)
        disk = _disk_usd_per_hour(row, billed)
        return InstanceView(
            instance_id=_text(row["id"]),
            label=row.get("name"),
            machine_id=None,
            state=state,
            detail="" if status == "RUNNING" else status,
            gpu_usd_per_hour=max(ZERO, cost - disk),
            disk_usd_per_hour=disk,
            gpu_billing=billed.gpu,
            disk_billing=disk > 0 and not lost,
            addresses=_addresses(row) if state is InstanceState.RUNNING else {},
            started_at=_moment(row.get("createdAt")),
            gpu_load=_gpu_load(row),
        )
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise _bad(f"a pod's row cannot be read: {error!r}") from error


def _page(body: Any) -> Page:  # noqa: ANN401  (whatever came)
    rows = body.get("pods") if isinstance(body, Mapping) else None
    marks = body.get("pagination") if isinstance(body, Mapping) else None
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise _bad("the listing's 'pods' is no list of pods")
    if not isinstance(marks, Mapping) or not isinstance(marks.get("hasNextPage"), bool):
        raise _bad("the listing does not say whether it is whole")
    if not marks["hasNextPage"]:
        return rows, None
    if not marks.get("nextCursor"):
        raise _bad("the listing announces more and does not lead there")
    return rows, str(marks["nextCursor"])


def _whole(rows: Sequence[Mapping[str, Any]]) -> list[InstanceView]:
    views = [view(row) for row in rows if row.get("status") != TERMINATED]
    if len({each.instance_id for each in views}) != len(views):
        raise _bad("the listing shows a pod twice")
    return views


def _disk_usd_per_hour(row: Mapping[str, Any], billed: PodBilling) -> Decimal:
    mounts = row.get("mounts")
    volume = mounts.get("persistent") if isinstance(mounts, Mapping) else None
    volume_gb = Decimal(str(volume.get("size") or 0)) if isinstance(volume, Mapping) else ZERO
    disk_gb = Decimal(str(row.get("disk") or 0))
    monthly = disk_gb * billed.disk_usd_per_gb_month + volume_gb * billed.volume_usd_per_gb_month
    return (monthly / HOURS_PER_MONTH).quantize(PICO)


def _addresses(row: Mapping[str, Any]) -> dict[int, Address]:
    """Ports of the proxy have their address at once; those of the host when `runtime` tells them.

    A port of the proxy that stands on loopback is an emulator's: nobody reaches RunPod's proxy there.
    """
    told = dict(_told(row))
    found: dict[int, Address] = {}
    for name in row.get("ports") or ():
        number, _, kind = str(name).partition("/")
        inside = int(number)
        if inside in told and (kind == "tcp" or _is_loopback(told[inside].host)):
            found[inside] = told[inside]
        elif kind == "http":
            found[inside] = Address(host=f"{row['id']}-{inside}.{PROXY_DOMAIN}", port=443, scheme="https")
    return found


def _told(row: Mapping[str, Any]) -> Iterator[tuple[int, Address]]:
    runtime = row.get("runtime")
    ports = runtime.get("ports") if isinstance(runtime, Mapping) else None
    for port in ports or ():
        if port.get("ip") and port.get("public"):
            yield int(port["private"]), Address(host=str(port["ip"]), port=int(port["public"]))


def _gpu_load(row: Mapping[str, Any]) -> GpuLoad | None:
    """What `runtime` tells of each card; None without it. It is no price and no state: an odd one spoils nothing."""
    runtime = row.get("runtime")
    told = runtime.get("gpus") if isinstance(runtime, Mapping) else None
    cards = [card for card in told if isinstance(card, Mapping)] if isinstance(told, list) else []
    return load_of([card.get("util") for card in cards], [card.get("memoryUtil") for card in cards], [])


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _amount(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError(f"{value!r} is no price")
    amount = usd(value)
    if amount < 0:
        raise ValueError(f"{value!r} is a negative price")
    return amount


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is no id")
    return value


def _moment(stamp: object) -> datetime | None:
    if not isinstance(stamp, str):
        return None
    moment = datetime.fromisoformat(stamp)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _bad(what: str) -> BadAnswerError:
    return BadAnswerError(f"RunPod: {what}", hint="not taken for an empty account; try again, or look at the console")
