"""Vast.ai's instances, read strictly: a listing whose totals do not agree is no listing."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from cloudgpu.base.errors import BadAnswerError
from cloudgpu.base.money import show_usd, usd
from cloudgpu.running.gpu_load import load_of
from cloudgpu.running.providers.base import Address, InstanceState, InstanceView
from cloudgpu.running.providers.pages import Page, all_rows
from cloudgpu.running.providers.vast.states import billing, instance_state

PAGE_ROWS = 25


def read_listing(page: Callable[[str | None], Any]) -> list[InstanceView]:
    """Every instance, all pages; `page` asks for the one after a token.

    Raises BadAnswerError for missing keys, doubles, pages that lead nowhere, or a count that disagrees.
    """
    totals: list[int] = []

    def found(token: str | None) -> Page:
        rows, total, following = _page(page(token))
        totals.append(total)
        return rows, following

    return _whole(all_rows(found, _bad), totals)


def read_one(body: Any) -> InstanceView | None:  # noqa: ANN401  (whatever came)
    """The instance of `{"instances": {…}}`; None for `{"instances": null}`, the one clear no. Raises BadAnswerError."""
    if not isinstance(body, Mapping) or "instances" not in body:
        raise _bad("an instance's answer has no 'instances'")
    row = body["instances"]
    if row is None:
        return None
    if not isinstance(row, Mapping):
        raise _bad("'instances' is neither an instance nor null")
    return view(row)


def view(row: Mapping[str, Any]) -> InstanceView:
    """One row. Raises BadAnswerError when it lacks its id or its prices."""
    try:
        actual = row.get("actual_status")
        charged, is_bid = billing(actual), row.get("is_bid") is True
        state = instance_state(actual, row.get("intended_status"), row.get("status_msg"), is_bid=is_bid)
        gpu = _amount(row["dph_base"])
        return InstanceView(
            instance_id=_id(row["id"]),
            label=None if row.get("label") is None else str(row["label"]),
            machine_id=None if row.get("machine_id") is None else str(row["machine_id"]),
            state=state,
            detail=_detail(row, state, gpu),
            gpu_usd_per_hour=gpu,
            disk_usd_per_hour=_disk(row, gpu),
            gpu_billing=charged.gpu,
            disk_billing=charged.disk,
            addresses=_addresses(row) if actual == "running" else {},
            started_at=_moment(row.get("start_date")),
            bid_usd_per_hour=gpu if is_bid else None,
            min_bid_usd_per_hour=_min_bid(row) if is_bid else None,
            gpu_load=load_of(util=[row.get("gpu_util")], memory=[], temperature=[row.get("gpu_temp")]),
            disk_used_gb=_used_gb(row.get("disk_usage")),
        )
    except (LookupError, AttributeError, TypeError, ValueError, ArithmeticError, OSError) as error:
        raise _bad(f"an instance's row cannot be read: {error!r}") from error


def _page(body: Any) -> tuple[Sequence[Mapping[str, Any]], int, str | None]:  # noqa: ANN401
    if not isinstance(body, Mapping) or body.get("success") is False:
        raise _bad("the listing is refused without an error status")
    missing = [name for name in ("instances", "total_instances", "next_token") if name not in body]
    if missing:
        raise _bad(f"the listing lacks {', '.join(missing)}")
    rows, total, token = body["instances"], body["total_instances"], body["next_token"]
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise _bad("the listing's 'instances' is no list of instances")
    if isinstance(total, bool) or not isinstance(total, int):
        raise _bad("the listing does not say how many instances there are")
    return rows, total, str(token) if token else None


def _whole(rows: Sequence[Mapping[str, Any]], totals: Sequence[int]) -> list[InstanceView]:
    views = [view(row) for row in rows]
    if len({each.instance_id for each in views}) != len(views):
        raise _bad("the listing shows an instance twice")
    if len(views) != totals[-1]:
        raise _bad(f"the listing shows {len(views)} instances and says there are {totals[-1]}")
    return views


def _id(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        raise ValueError(f"{value!r} is no id")
    return str(value)


def _disk(row: Mapping[str, Any], gpu: Decimal) -> Decimal:
    if row.get("storage_total_cost") is not None:
        return _amount(row["storage_total_cost"])
    return max(Decimal(0), _amount(row["dph_total"]) - gpu)


def _used_gb(value: object) -> float | None:
    """Gigabytes; -1 and whatever else is no size is not known."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value < 0:
        return None
    return float(value)


def _min_bid(row: Mapping[str, Any]) -> Decimal | None:
    return None if row.get("min_bid") is None else _amount(row["min_bid"])


def _detail(row: Mapping[str, Any], state: InstanceState, bid: Decimal) -> str:
    """What the host says, but for the "success" of a start that is over; of an outbid instance, what it would take."""
    if state is not InstanceState.OUTBID:
        said = str(row.get("status_msg") or "").strip()
        return "" if state is not InstanceState.RUNNING and said.startswith("success") else said
    least = _min_bid(row)
    if least is None or least <= bid:
        return f"stopped by a higher bid or a rental on demand; its own bid is {show_usd(bid, 4)} per hour"
    return f"the least bid is now {show_usd(least, 4)} per hour, its own is {show_usd(bid, 4)}"


def _amount(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise ValueError(f"{value!r} is no price")
    amount = usd(value)
    if amount < 0:
        raise ValueError(f"{value!r} is a negative price")
    return amount


def _addresses(row: Mapping[str, Any]) -> dict[int, Address]:
    """`{"8000/tcp": [{"HostPort": "41234"}]}` on the public address; empty until both are known."""
    host, ports = str(row.get("public_ipaddr") or "").strip(), row.get("ports")
    if not host or not isinstance(ports, Mapping):
        return {}
    found: dict[int, Address] = {}
    for name, mapped in ports.items():
        number, _, kind = str(name).partition("/")
        if kind == "tcp" and number.isdigit() and mapped:
            found[int(number)] = Address(host=host, port=int(mapped[0]["HostPort"]))
    return found


def _moment(stamp: object) -> datetime | None:
    return datetime.fromtimestamp(float(stamp), UTC) if isinstance(stamp, int | Decimal) and stamp else None


def _bad(what: str) -> BadAnswerError:
    return BadAnswerError(f"Vast.ai: {what}", hint="not taken for an empty account; try again, or look at the console")
