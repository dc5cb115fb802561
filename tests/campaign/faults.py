"""Draws what goes wrong at a provider: fault scripts of the emulator, each with its `provider`."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

LIES = frozenset({"empty", "null", "short", "late", "ignored", "no_such_instance", "not_found", "hidden"})
"""Answers that say something untrue. What a command promises is judged by the truth where there is one at most."""

_TROUBLE = ("429", "429_retry_after", "500", "502", "503", "504", "html", "close", "drop", "timeout", "truncated")
_LOST = (
    "timeout_after_effect", "500_after_effect", "502_after_effect", "504_after_effect", "html_after_effect",
    "close_after_effect", "drop_after_effect", "truncated",
)  # fmt: skip
_REFUSED: Mapping[str, Sequence[str]] = {
    "vast": (
        "no_such_ask_400", "no_such_ask_404", "no_such_ask_410", "200_success_false", "insufficient_credit",
        "error_with_new_contract", "auth", "deprecated_endpoint",
    ),
    "runpod": ("no_capacity", "bad_request", "bad_body", "forbidden", "not_found", "conflict", "insufficient_credit",
               "auth", "graphql_gone"),
}  # fmt: skip
_LISTS: Mapping[str, Sequence[str]] = {
    "vast": ("empty", "short", "null", "late", "auth", "no_such_instance", "deprecated_endpoint"),
    "runpod": ("empty", "short", "graphql_gone", "auth"),
}
_SHOWS: Mapping[str, Sequence[str]] = {"vast": ("null", "late", "no_such_instance"), "runpod": ("not_found",)}
_DESTROYS: Mapping[str, Sequence[str]] = {
    "vast": ("no_such_instance", "ignored", "late", "auth"),
    "runpod": ("not_found", "ignored", "forbidden", "conflict"),
}
_TURNS: Mapping[str, Sequence[str]] = {
    "vast": ("stuck_loading", "bad_image", "never_ready", "engine_dies", "host_offline", "price_rise", "outbid"),
    "runpod": (
        "stuck_loading", "bad_image", "never_ready", "engine_dies", "host_offline", "price_rise", "stopped",
        "terminated", "hidden", "no_ports", "in_cluster",
    ),
}  # fmt: skip


_UNHEARD = {"on": "create", "do": "drop_after_effect"}
_REPORTED: Mapping[str, Sequence[Sequence[Mapping[str, Any]]]] = {
    "vast": (
        ({"on": "create", "do": "504_after_effect"},),
        (_UNHEARD, *({"on": on, "do": "late", "seconds": 100.0, "times": None} for on in ("list", "show", "destroy"))),
        (_UNHEARD, {"on": "list", "do": "empty", "times": 2}),
        (_UNHEARD, {"on": "list", "do": "html", "times": 9}),
        ({"on": "create", "do": "error_with_new_contract"},),
        ({"on": "destroy", "do": "ignored", "times": 3},),
        ({"on": "destroy", "do": "502", "times": None},),
        ({"on": "list", "do": "empty", "times": None},),
        ({"on": "create", "do": "no_such_ask_410", "times": 2}, {"on": "instance", "do": "bad_image"}),
    ),
    "runpod": (
        ({"on": "create", "do": "500_after_effect"},),
        (_UNHEARD, {"on": "instance", "do": "hidden", "seconds": 100.0}),
        (_UNHEARD, {"on": "list", "do": "empty", "times": 2}),
        ({"on": "instance", "do": "hidden", "seconds": 60.0}, {"on": "show", "do": "not_found", "times": 3}),
        ({"on": "destroy", "do": "ignored", "times": 3},),
        ({"on": "destroy", "do": "502", "times": None},),
        ({"on": "user", "do": "graphql_gone", "times": None},),
        ({"on": "create", "do": "insufficient_credit"},),
        ({"on": "instance", "do": "terminated", "after_s": 60.0},),
    ),
}  # fmt: skip
"""What others lost money by: creates that rented and said no, lists that lag or are empty, ends that were not."""


def draw_faults(dice: random.Random, provider: str) -> tuple[Mapping[str, Any], ...]:
    """Something that was reported in public, or one to three faults by chance, or none."""
    if dice.random() < 0.3:
        return tuple({"provider": provider, **fault} for fault in dice.choice(_REPORTED[provider]))
    return tuple(_fault(dice, provider) for _ in range(dice.choice((0, 1, 1, 1, 2, 3))))


def _fault(dice: random.Random, provider: str) -> Mapping[str, Any]:
    on = dice.choices(("create", "list", "show", "destroy", "instance", "search", "any", "user", "logs", "charges"),
                      (40, 18, 8, 16, 20, 3, 8, 3, 2, 2))[0]  # fmt: skip
    script: dict[str, Any] = {"provider": provider, "on": on, "do": _do(dice, provider, on)}
    script["times"] = dice.choice((1, 1, 1, 2, 3, 6))
    if on != "instance":
        script["skip"] = dice.choice((0, 0, 0, 1, 2, 5))
    if script["do"] in ("late", "hidden", "no_ports"):
        script |= {"seconds": dice.choice((20.0, 60.0, 100.0)), "times": 6}
    elif on != "instance":
        script["seconds"] = 130.0
    if (
        on == "instance"
        and script["do"] not in ("never_ready", "hidden", "no_ports", "in_cluster")
        and dice.random() < 0.5
    ):
        script["after_s"] = dice.choice((1.0, 60.0, 150.0, 400.0))
    if script["do"] == "price_rise":
        script["factor"] = dice.choice(("1.02", "1.5", "4"))
    return script


def _do(dice: random.Random, provider: str, on: str) -> str:
    pools: list[Sequence[str]] = {
        "create": [_LOST, _LOST, _TROUBLE, _REFUSED[provider]],
        "list": [_TROUBLE, _LISTS[provider]],
        "show": [_TROUBLE, _SHOWS[provider]],
        "destroy": [_LOST, _TROUBLE, _DESTROYS[provider]],
        "instance": [_TURNS[provider]],
    }.get(on, [_TROUBLE])
    return dice.choice(dice.choice(pools))
