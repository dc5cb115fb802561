"""An engine's counters, written into the journal: what a million tokens cost, and how full the KV cache was.

Our own probes are told apart by what the engine's answers to them say they took.
"""

import dataclasses
from datetime import datetime, timedelta
from decimal import Decimal

from cloudgpu.base.events import Emit, Event, EventKind
from cloudgpu.running.engine_reading import EngineReading
from cloudgpu.running.records import Deployment
from cloudgpu.running.token_count import TokenCount
from cloudgpu.running.work import Work

_EVERY = timedelta(minutes=5)
"""Between two readings in the journal: counters lose nothing between them, and a year of them stays a small file."""

_NONE = TokenCount()


def tell_work(
    deployment: Deployment, work: Work | None, now: datetime, emit: Emit, *, ours: TokenCount | None = None,
    at_once: bool = False,
) -> Deployment:  # fmt: skip
    """The deployment with this reading. It becomes an event when it is the first, after a restart, and every so often.

    `ours` is what a probe of our own took since the last reading. `at_once`: now in any case. The caller saves.
    """
    if work is None:
        return with_ours(deployment, ours)
    last = deployment.engine
    restarted = last is not None and _restarted(last, work)
    reading = _reading(last, work, now, ours or _NONE, restarted=restarted)
    if at_once or restarted or last is None or not last.told_at <= now < last.told_at + _EVERY:
        emit(_event(deployment, reading, now, restarted=restarted))
        reading = dataclasses.replace(reading, told_at=now, kv_peak=None)
    return dataclasses.replace(deployment, engine=reading)


def with_ours(deployment: Deployment, ours: TokenCount | None) -> Deployment:
    """The deployment after a probe of our own, whose tokens the next reading leaves out. The caller saves."""
    if deployment.engine is None or ours is None:
        return deployment
    engine = dataclasses.replace(deployment.engine, ours=deployment.engine.ours + ours)
    return dataclasses.replace(deployment, engine=engine)


def has_worked(last: EngineReading | None, work: Work) -> bool:
    """Whether it works now, or has served others since the last reading, or nobody can tell. Pure."""
    if last is None or work.now > 0 or _restarted(last, work):
        return True
    return (work.tokens.count - last.ours).at_least(last.served) != last.served


def _restarted(last: EngineReading, work: Work) -> bool:
    tokens = work.tokens
    other_run = None not in (last.run, tokens.run) and last.run != tokens.run
    return other_run or tokens.prompt < last.prompt_tokens or tokens.generation < last.generation_tokens


def _reading(
    last: EngineReading | None, work: Work, now: datetime, ours: TokenCount, *, restarted: bool
) -> EngineReading:
    """After a restart all counts begin anew, but for the fullest moment since the last event."""
    same = None if restarted else last
    mine = (same.ours if same else _NONE) + ours
    served = (work.tokens.count - mine).at_least(same.served if same else _NONE)
    still = same if same is not None and work.now == 0 and served == same.served else None
    share = work.cache.share if work.cache else None
    return EngineReading(
        told_at=last.told_at if last else now, read_at=now, known_since=min(same.known_since, now) if same else now,
        still_since=min(still.still_since, now) if still else now,
        still_readings=still.still_readings + 1 if still else 1,
        prompt_tokens=work.tokens.prompt, generation_tokens=work.tokens.generation, ours=mine, served=served,
        requests=work.now, run=work.tokens.run, kv_share=share,
        kv_peak=_peak(last.kv_peak if last else None, share), kv_tokens=work.cache.tokens if work.cache else None,
    )  # fmt: skip


def _peak(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return max((each for each in (one, other) if each is not None), default=None)


def _event(deployment: Deployment, reading: EngineReading, now: datetime, *, restarted: bool) -> Event:
    body = reading.as_body()
    data = {
        name: body[name] for name in ("prompt_tokens", "generation_tokens", "served", "run", "kv_peak", "kv_tokens")
    }
    return Event(
        kind=EventKind.WORKED, at=now, deployment=deployment.name,
        provider=deployment.provider, token=deployment.token, instance_id=deployment.instance_id,
        data={**data, **({"restarted": True} if restarted else {})},
    )  # fmt: skip
