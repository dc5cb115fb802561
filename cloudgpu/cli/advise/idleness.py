"""What nobody uses: since when no token was made for others, by which readings, and what of it is not known."""

from collections.abc import Iterator
from decimal import Decimal

from cloudgpu.cli import render
from cloudgpu.cli.advise.counsel import Advice, Counsel
from cloudgpu.cli.session import Session
from cloudgpu.running.deployment import Deployment, DeploymentState
from cloudgpu.running.engine_reading import EngineReading


def idle(session: Session, each: Deployment, idle_s: float, hours: Decimal, counsel: Counsel) -> Iterator[Advice]:
    """That it is idle, where readings of its counters prove it for so long. Says what they cannot prove.

    Every reading counts, whichever command took it; what our own probes took is no work.
    """
    if each.state is not DeploymentState.READY:
        return
    engine = each.engine
    if engine is None:
        counsel.say(f"Whether {each.name} works: its engine's counters were not read yet, or it has none.")
    elif engine.still_s >= idle_s and each.idle_since is not None:
        yield Advice(
            kind="idle", deployment=each.name, saving_usd=each.usd_per_hour * hours,
            text=f"no token for {_span(engine)}, at {render.money(each.usd_per_hour, 4)}/h"
            f"{_age(session, each, engine)}",
            command=f"cloudgpu down {each.name}",
        )  # fmt: skip
    elif engine.still_since == engine.known_since and not engine.requests:
        counsel.say(
            f"Whether {each.name} worked before {engine.known_since:%Y-%m-%d %H:%M} UTC: its engine's counters are "
            f"known since then only, {render.duration(engine.still_s)} without a token up to the last reading."
        )


def _span(engine: EngineReading) -> str:
    """How long, since when and by how many readings; at least so long where nothing is known of the time before."""
    least = "at least " if engine.still_since == engine.known_since else ""
    return (
        f"{least}{render.duration(engine.still_s)} ({engine.still_readings} readings since "
        f"{engine.still_since:%Y-%m-%d %H:%M} UTC)"
    )


def _age(session: Session, each: Deployment, engine: EngineReading) -> str:
    """Up to when, where that is not now."""
    age_s = (session.clock(each.provider).now() - engine.read_at).total_seconds()
    return f"; its counters were read last {render.ago(age_s)}" if age_s >= render.FRESH_S else ""
