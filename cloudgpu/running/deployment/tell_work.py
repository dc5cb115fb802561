"""An engine's counters, written into the journal: what a million tokens cost, and how full the KV cache was."""

import dataclasses
from datetime import datetime, timedelta
from decimal import Decimal

from cloudgpu.base.events import Emit, Event, EventKind
from cloudgpu.running.engine_reading import EngineReading
from cloudgpu.running.records import Deployment
from cloudgpu.running.work import Tokens, Work

_EVERY = timedelta(minutes=5)
"""Between two readings in the journal: counters lose nothing between them, and a year of them stays a small file."""


def tell_work(
    deployment: Deployment, work: Work | None, now: datetime, emit: Emit, *, at_once: bool = False
) -> Deployment:
    """The deployment with this reading. It becomes an event when it is the first, after a restart, and every so often.

    `at_once`: now in any case. An engine that does not tell its tokens changes nothing. The caller saves.
    """
    if work is None or work.tokens is None:
        return deployment
    last = deployment.engine
    restarted = last is not None and _restarted(last, work.tokens)
    reading = _reading(last, work, work.tokens, now)
    if at_once or restarted or last is None or not last.told_at <= now < last.told_at + _EVERY:
        emit(_event(deployment, reading, now, restarted=restarted))
        reading = dataclasses.replace(reading, told_at=now, kv_peak=None)
    return dataclasses.replace(deployment, engine=reading)


def _restarted(last: EngineReading, tokens: Tokens) -> bool:
    other_run = None not in (last.run, tokens.run) and last.run != tokens.run
    return other_run or tokens.prompt < last.prompt_tokens or tokens.generation < last.generation_tokens


def _reading(last: EngineReading | None, work: Work, tokens: Tokens, now: datetime) -> EngineReading:
    share = work.cache.share if work.cache else None
    return EngineReading(
        told_at=last.told_at if last else now, prompt_tokens=tokens.prompt, generation_tokens=tokens.generation,
        requests=work.now, run=tokens.run, kv_share=share,
        kv_peak=_peak(last.kv_peak if last else None, share), kv_tokens=work.cache.tokens if work.cache else None,
    )  # fmt: skip


def _peak(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return max((each for each in (one, other) if each is not None), default=None)


def _event(deployment: Deployment, reading: EngineReading, now: datetime, *, restarted: bool) -> Event:
    body = reading.as_body()
    data = {name: body[name] for name in ("prompt_tokens", "generation_tokens", "run", "kv_peak", "kv_tokens")}
    return Event(
        kind=EventKind.WORKED, at=now, deployment=deployment.name,
        provider=deployment.provider, token=deployment.token, instance_id=deployment.instance_id,
        data={**data, **({"restarted": True} if restarted else {})},
    )  # fmt: skip
