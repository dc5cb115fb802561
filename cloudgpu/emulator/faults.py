"""Things that go wrong on request: scripts posted to the emulator's own route, each used up a number of times.

On a call (`on` names it): the answer is replaced or held back, before or after the call took effect.
On an instance (`on` is "instance"): its life takes another turn, now for the one named, else for the next created.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

CALLS = frozenset({
    "search", "create", "list", "show", "destroy", "state", "logs", "log_text", "charges", "user", "any",
})  # fmt: skip
"""Calls a fault can sit on, the same words for both markets; `any` is every call of a market's API."""

BEFORE = frozenset({
    "timeout", "429", "429_retry_after", "500", "502", "503", "504", "html", "auth", "close", "drop",
    "200_success_false", "no_such_ask_400", "no_such_ask_404", "no_such_ask_410", "no_such_instance",
    "insufficient_credit", "ignored", "empty", "null",
})  # fmt: skip
"""The call does nothing; the answer is made up."""

AFTER = frozenset({
    "timeout_after_effect", "500_after_effect", "502_after_effect", "504_after_effect", "html_after_effect",
    "close_after_effect", "drop_after_effect", "truncated", "slow",
})  # fmt: skip
"""The call takes effect; then the answer is replaced, cut short or delayed."""

SPECIAL = frozenset({"error_with_new_contract", "cap", "short", "queued", "billing_tail", "late"})
"""The route itself plays along. Under `late` a list, show or destroy knows no instance younger than `seconds`."""

INSTANCE = frozenset({
    "stuck_loading", "bad_image", "never_ready", "engine_dies", "host_offline", "price_rise", "outbid",
})  # fmt: skip
"""Turns an instance's life can take."""


RUNPOD_BEFORE = frozenset({
    "timeout", "429", "429_retry_after", "500", "502", "503", "504", "html", "auth", "close", "drop",
    "insufficient_credit", "no_capacity", "bad_request", "bad_body", "forbidden", "not_found", "conflict",
    "ignored", "empty", "graphql_gone",
})  # fmt: skip
"""The same for a call of RunPod's API."""

RUNPOD_INSTANCE = frozenset({
    "stuck_loading", "bad_image", "never_ready", "engine_dies", "host_offline", "price_rise", "stopped", "terminated",
    "hidden", "no_ports", "in_cluster",
})  # fmt: skip
"""Turns a pod's life can take. `hidden` and `no_ports` last for `seconds` of the market's clock."""

_RUNPOD_SPECIAL = frozenset({"short"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One script. `times` None means for ever; `skip` lets that many matching calls through first.

    `seconds` is how long an answer is held back in real seconds, a billing tail or an instance in the market's;
    `after_s` delays an instance's turn, in the market's seconds; `factor` multiplies a price; `rows` caps an answer.
    """

    fault_id: int
    on: str
    do: str
    times: int | None = 1
    skip: int = 0
    instance_id: int | None = None
    label: str | None = None
    seconds: float = 120.0
    after_s: float | None = None
    factor: Decimal = Decimal("1.5")
    rows: int = 64


def read_fault(body: Mapping[str, Any], fault_id: int, market: str = "vast") -> Fault:
    """A script as posted, for `vast` or `runpod`. Raises ValueError that says what is wrong with it."""
    on, do = str(body.get("on")), str(body.get("do"))
    if on not in CALLS | {"instance"}:
        raise ValueError(f"on must be one of {', '.join(sorted(CALLS | {'instance'}))}, not {on!r}")
    known = _KNOWN[market, on == "instance"]
    if do not in known:
        raise ValueError(f"do must be one of {', '.join(sorted(known))}, not {do!r}")
    extra = set(body) - {"on", "do", *_OPTIONS}
    if extra:
        raise ValueError(f"a fault has no field {sorted(extra)[0]!r}")
    return Fault(
        fault_id=fault_id, on=on, do=do, **{name: _OPTIONS[name](body[name]) for name in _OPTIONS if name in body}
    )


_KNOWN = {
    ("vast", False): BEFORE | AFTER | SPECIAL,
    ("vast", True): INSTANCE,
    ("runpod", False): RUNPOD_BEFORE | AFTER | _RUNPOD_SPECIAL,
    ("runpod", True): RUNPOD_INSTANCE,
}


def _maybe(kind: type) -> Any:  # noqa: ANN401 - a converter of any kind
    return lambda value: None if value is None else kind(value)


_OPTIONS: dict[str, Any] = {
    "times": _maybe(int), "skip": int, "instance_id": _maybe(int), "label": _maybe(str), "seconds": float,
    "after_s": _maybe(float), "factor": lambda value: Decimal(str(value)), "rows": int,
}  # fmt: skip
