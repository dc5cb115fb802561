"""Everything that can be made to go wrong, one row each: what it is called, where it can be put, what it reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

VAST, RUNPOD = "vast", "runpod"
BOTH = (VAST, RUNPOD)
CALLS = ("search", "create", "list", "show", "destroy", "state", "logs", "log_text", "charges", "user", "any")
"""Calls a fault can sit on, the same words for both markets; `any` is every call of a market's API.

`state` is every change of a living instance (start, stop, label, bid), `log_text` the address that Vast's logs are
fetched from, `charges` the bill, `user` the account.
"""


class When(StrEnum):
    """Where a fault takes hold."""

    BEFORE = "before"
    AFTER = "after"
    ROUTE = "route"
    INSTANCE = "instance"
    ENGINE = "engine"
    MARKET = "market"
    STANDING = "standing"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultKind:
    """One kind of fault: `do` is its name, `on` the words it can be put on, `reads` the options that mean something.

    `lasts`: it strikes for ever unless told how often. A kind BEFORE answers instead of the call, AFTER lets it take
    effect first, at ROUTE the route itself plays along; a STANDING one holds until it is cleared.
    """

    do: str
    says: str
    when: When
    on: tuple[str, ...] = CALLS
    providers: tuple[str, ...] = BOTH
    reads: tuple[str, ...] = ()
    lasts: bool = False


def kind_named(do: str, on: str, provider: str) -> FaultKind:
    """The kind for this market and place. Raises ValueError that says what there is instead."""
    places = sorted({place for kind in KINDS if provider in kind.providers for place in kind.on})
    if on not in places:
        raise ValueError(f"on must be one of {', '.join(places)}, not {on!r}")
    there = {kind.do: kind for kind in KINDS if provider in kind.providers and on in kind.on}
    if do not in there:
        raise ValueError(f"do must be one of {', '.join(sorted(there))} on {on!r}, not {do!r}")
    return there[do]


def _before(
    do: str,
    says: str,
    *,
    on: tuple[str, ...] = CALLS,
    providers: tuple[str, ...] = BOTH,
    reads: tuple[str, ...] = (),
) -> FaultKind:
    return FaultKind(do=do, says=says, when=When.BEFORE, on=on, providers=providers, reads=reads)


def _after(do: str, says: str, *reads: str) -> FaultKind:
    return FaultKind(do=do, says=says, when=When.AFTER, reads=reads)


def _route(do: str, says: str, on: tuple[str, ...], providers: tuple[str, ...], *reads: str) -> FaultKind:
    return FaultKind(do=do, says=says, when=When.ROUTE, on=on, providers=providers, reads=reads)


def _turn(do: str, says: str, providers: tuple[str, ...], *reads: str) -> FaultKind:
    named = ("label", "instance_id", "after_s", *reads)
    return FaultKind(do=do, says=says, when=When.INSTANCE, on=("instance",), providers=providers, reads=named)


def _engine(do: str, says: str, *reads: str, on: tuple[str, ...] = ("engine",), lasts: bool = False) -> FaultKind:
    named = ("label", "instance_id", *reads)
    return FaultKind(do=do, says=says, when=When.ENGINE, on=on, reads=named, lasts=lasts)


_MADE_UP = (
    _before("timeout", "no answer for `seconds`, then the connection ends", reads=("seconds",)),
    _before("drop", "the connection ends before the first byte"),
    _before("close", "the connection ends in the middle of the answer"),
    _before("429", "too many calls: Vast.ai's plain text, RunPod's problem document, no header"),
    _before("429_retry_after", "too many calls, with Retry-After (and RunPod's used-up RateLimit window)"),
    _before("500", "internal server error"),
    _before("502", "the HTML page of a gateway"),
    _before("503", "service unavailable"),
    _before("504", "gateway time-out"),
    _before("html", "an HTML page with status 200"),
    _before("huge", "an answer of `megabytes` MB that never becomes JSON", reads=("megabytes",)),
    _before("auth", "the key is refused: Vast.ai's 404, RunPod's 401"),
    _before("insufficient_credit", "no money: Vast.ai's 400, RunPod's 402"),
    _before("ignored", "the answer of success, and nothing done"),
    _before("empty", "a list with nothing in it"),
)
_VAST_MADE_UP = (
    _before("429_json", "too many calls, as JSON without a header", providers=(VAST,)),
    _before("search_quota", "the daily quota of searches is used up: 429 with X-RateLimit-Reset",
            on=("search",), providers=(VAST,)),
    _before("session_expired", "404 \"Session expired. Please log in again.\"", providers=(VAST,)),
    _before("200_success_false", "status 200, and success false", providers=(VAST,)),
    _before("no_such_ask_400", "the offer is gone, as a 400", providers=(VAST,)),
    _before("no_such_ask_404", "the offer is gone, as a 404", providers=(VAST,)),
    _before("no_such_ask_410", "the offer is gone, as a 410", providers=(VAST,)),
    _before("no_such_instance", "404: the instance is not known", providers=(VAST,)),
    _before("deprecated_endpoint", "410: this endpoint was retired, as the old list was", providers=(VAST,)),
    _before("spend_rate_limit", "a new account spends too fast", on=("create",), providers=(VAST,)),
    _before("null", "instances: null", providers=(VAST,)),
)  # fmt: skip
_RUNPOD_MADE_UP = (
    _before("no_capacity", "400 with the prose of a type that ran out", on=("create", "state"), providers=(RUNPOD,)),
    _before("no_free_gpus", "400: the pod's own machine has no free GPU to start it", on=("state",),
            providers=(RUNPOD,)),
    _before("spend_cap", "400: the account's cap of dollars an hour", on=("create", "state"), providers=(RUNPOD,)),
    _before("bad_request", "400 with prose that says nothing", providers=(RUNPOD,)),
    _before("bad_body", "422: the body breaks the contract", providers=(RUNPOD,)),
    _before("forbidden", "403: no access", providers=(RUNPOD,)),
    _before("not_found", "404: not known", providers=(RUNPOD,)),
    _before("conflict", "409: not in this status", providers=(RUNPOD,)),
    _before("graphql_gone", "410: this API was retired", providers=(RUNPOD,)),
)  # fmt: skip
_EFFECTIVE = (
    _after("timeout_after_effect", "it happens; no answer for `seconds`, then the connection ends", "seconds"),
    _after("drop_after_effect", "it happens; the connection ends before the first byte"),
    _after("close_after_effect", "it happens; the connection ends in the middle of the answer"),
    _after("500_after_effect", "it happens; internal server error"),
    _after("502_after_effect", "it happens; the HTML page of a gateway"),
    _after("504_after_effect", "it happens; gateway time-out"),
    _after("html_after_effect", "it happens; an HTML page with status 200"),
    _after("truncated", "it happens; the first half of the answer (of a stream: of what it tells at once)"),
    _after("slow", "it happens; the answer is held back for `seconds`", "seconds"),
)
_PLAYED = (
    _route("short", "the list lacks its last row", ("list",), BOTH),
    _route("late", "nothing younger than `seconds` is known", ("list", "show", "destroy"), (VAST,), "seconds"),
    _route("cap", "at most `rows` rows, a random sample", ("search",), (VAST,), "rows"),
    _route("taken", "somebody else rents the offer first: it is gone from the search too", ("create",), (VAST,)),
    _route("error_with_new_contract", "an error whose body names an instance that exists, stopped and billed",
           ("create",), (VAST,)),
    _route("queued", "the GPU is taken: an error now, a start (and its bill) after `seconds`", ("state",), (VAST,),
           "seconds"),
    _route("billing_tail", "the bill runs on for `seconds`", ("destroy",), (VAST,), "seconds"),
)  # fmt: skip
_TURNS = (
    _turn("stuck_loading", "the image is never pulled", BOTH),
    _turn("bad_image", "no registry has the image", BOTH),
    _turn("never_ready", "the engine hangs before it listens", BOTH),
    _turn("oom", "the engine finds too little memory while it loads, says so and exits", BOTH),
    _turn("engine_dies", "the engine serves, then crashes", BOTH),
    _turn("host_offline", "the host is gone, for `for_s` seconds or for good; nothing is billed", BOTH, "for_s"),
    _turn("price_rise", "the GPU costs `factor` times as much", BOTH, "factor"),
    _turn("stopped", "somebody stops it by hand", BOTH),
    _turn("price_proposal", "the host proposes `factor` times the price, to be accepted or not", (VAST,), "factor"),
    _turn("outbid", "a higher bid has the GPU, for `for_s` seconds or until the bid is raised", (VAST,), "for_s"),
    _turn("unknown", "no heartbeat: actual_status unknown", (VAST,)),
    _turn("taken_back", "the host's time is over: stopped, and never to start again", (VAST,)),
    _turn("error", "status ERROR: a container that cannot be mended", (RUNPOD,)),
    _turn("terminated", "status TERMINATED, and gone from every list", (RUNPOD,)),
    _turn("hidden", "no list and no read knows the pod for `seconds`", (RUNPOD,), "seconds"),
    _turn("no_ports", "RUNNING with ports null for `seconds`", (RUNPOD,), "seconds"),
    _turn("empty_ports", "RUNNING with an empty list of ports for `seconds`", (RUNPOD,), "seconds"),
    _turn("stale_ports", "after the next start the old ports are shown for `seconds`", (RUNPOD,), "seconds"),
    _turn("zero_gpus", "the next start brings it up without a GPU", (RUNPOD,)),
    _turn("in_cluster", "it belongs to a cluster: no plain list shows it", (RUNPOD,)),
)
_SERVING = (
    _engine("pace", "the first token after exactly `ttft_s`, then `tokens_per_s`, in real time", "ttft_s",
            "tokens_per_s", lasts=True),
    _engine("slow", "`factor` times as slow", "factor"),
    _engine("garbage", "one token for ever, as broken weights make it"),
    _engine("dies_mid_stream", "after `tokens` tokens the connection ends and the engine is gone", "tokens"),
    _engine("500", "the engine answers 500", on=("engine", "health")),
    _engine("503", "the engine answers 503", on=("engine", "health")),
    _engine("timeout", "the engine says nothing for `seconds`", "seconds", on=("engine", "health")),
)  # fmt: skip
_MARKET = (
    FaultKind(do="price_rise", says="hosts ask `factor` times the price for new rentals", when=When.MARKET,
              on=("market",), providers=(VAST,), reads=("machine_id", "after_s", "factor")),
    FaultKind(do="machine_gone", says="machines are no longer on offer", when=When.MARKET, on=("market",),
              providers=(VAST,), reads=("machine_id", "after_s")),
    FaultKind(do="rate_limits", says="the documented limits of each endpoint are enforced", when=When.STANDING,
              on=("any",), lasts=True),
)  # fmt: skip

KINDS: Sequence[FaultKind] = (
    *_MADE_UP, *_VAST_MADE_UP, *_RUNPOD_MADE_UP, *_EFFECTIVE, *_PLAYED, *_TURNS, *_SERVING, *_MARKET,
)  # fmt: skip
"""Every kind there is."""

AFTER = frozenset(kind.do for kind in KINDS if kind.when is When.AFTER)
"""The call takes effect; then the answer is replaced, cut short or delayed."""
