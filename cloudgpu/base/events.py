"""What happened, as append-only facts. The ledger is a fold over these and reads nothing else.

Times are the provider's clock. Money in `data` is text of decimal digits. No event carries a secret.

| kind | when | data |
|---|---|---|
| INTENDED | committed before a create is sent | the Intent fields below |
| CREATED | the provider named the instance, or it was found by its token | |
| UNCERTAIN | a create had no readable answer | reason |
| OBSERVED | its state or price was seen to change, or it was shown again | the Observation fields below |
| OUT_OF_SIGHT | a look did not show it, and the one before did: lacking, or nobody to ask | reason, unchanged_until |
| READY | it answered a completion | endpoint, waited_s |
| WORKED | its engine's counters were read | the Reading fields below |
| CHARGED | the provider's bill for it was read, and says more; replaces what was read before | the Bill below |
| DESTROY_REQUESTED | before the destroy is sent | |
| GONE | complete listings and reads of its own confirm that it is no more | reason if not asked for; unchanged_until |
| CLEANUP_FAILED | its end could not be confirmed | reason, console_url |
| ABANDONED | an intent whose create provably never happened | reason |
| BALANCE | the prepaid money left at a provider was read | usd |
| TOP_UP | money was paid in (or, negative, paid back), as the user says | usd, note |
| BUDGET | a budget was set; without data, cleared | monthly_usd, per_deployment, hard, stop |
| ALERTED | a share of a budget is used, or what it covers was ended (percent is null): to be told | the Alert below |
| ALERT_SENT | a target was told of it, or why it was not (reason, else null) | key, target (a fingerprint), reason |
| STATEMENT | the provider's bill for the whole account was read, and says more | since, the Bill below |
| DAY_CLOSED | a day's bill and ledger agree and will not change | day, metered_usd, billed_usd, adjustment_usd |
| ADDRESS_MOVED | a service's address points to another deployment, or to none (`to` is null) | service, from, to |
| MIGRATION | a migration took a step | migration_id, state, from, to |

Intent: token, model, gpu (one card in words, with the memory it has: RTX 3080 20 GB), gpu_count, disk_gb, offer_id,
machine_id, gpu_usd_per_hour, disk_usd_per_hour, download_usd (what the weights and the image are expected to cost in
traffic), plan_id (or null), account (whose money it is, as the provider numbers it), location.
Observation: state, gpu_billing, disk_billing, gpu_usd_per_hour, disk_usd_per_hour, unchanged_until (the last look that
still saw what was seen before; absent at the first, and where the provider took our request to end it), host_lost
(true while the host is out of reach: whether its disk is charged then is not known; else absent), gpu_load (percent at
work and of memory in use, degrees Celsius, as the provider told them at that look; absent where it tells nothing).
Reading: prompt_tokens and generation_tokens since the engine's start, served (`prompt` and `generation` of them that
our own probes did not take; absent in old events: all of them), run (differs from one start to the next; null
where the engine does not tell), restarted (true when the counters began anew since the reading before), kv_peak (the
greatest share of the KV cache in use that was seen since then, as text) and kv_tokens (how many tokens it holds); null:
not told.
Alert: key (differs for each), scope, limit_usd, month of the spending (2026-11), percent, message.
Bill: fetched_at, lines; where it begins with lines of the one before it: after (that one's fetched_at), dropped (how
many of its first lines are left out; absent: none) and unchanged (how many behind them stand); `lines` holds the rest.
A statement likewise, its lines in the order of their ends, beside the one before it of that provider.
Lines: a list of {meter, start, end, usd}, in a statement with the instance_id; meters are gpu, disk, download, upload.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class EventKind(StrEnum):
    """The table above."""

    INTENDED = "intended"
    CREATED = "created"
    UNCERTAIN = "uncertain"
    OBSERVED = "observed"
    OUT_OF_SIGHT = "out_of_sight"
    READY = "ready"
    WORKED = "worked"
    CHARGED = "charged"
    DESTROY_REQUESTED = "destroy_requested"
    GONE = "gone"
    CLEANUP_FAILED = "cleanup_failed"
    ABANDONED = "abandoned"
    BALANCE = "balance"
    TOP_UP = "top_up"
    BUDGET = "budget"
    ALERTED = "alerted"
    ALERT_SENT = "alert_sent"
    STATEMENT = "statement"
    DAY_CLOSED = "day_closed"
    ADDRESS_MOVED = "address_moved"
    MIGRATION = "migration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact. `token` identifies one life of one instance, from the intent on; `data` holds JSON values only."""

    kind: EventKind
    at: datetime
    deployment: str | None = None
    provider: str | None = None
    token: str | None = None
    instance_id: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


Emit = Callable[[Event], None]
"""Where events go: the command line ties it to the store, a test to a list."""
