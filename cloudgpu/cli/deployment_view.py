"""How deployments are shown: as a row, as a table, as the last words of `up`."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from cloudgpu.accounting.charge import Source
from cloudgpu.accounting.doubt import doubt_usd, running_hour_usd
from cloudgpu.accounting.history import read_history
from cloudgpu.accounting.ledger import charges, last_billed
from cloudgpu.accounting.tally import total
from cloudgpu.base.money import ZERO
from cloudgpu.cli import render
from cloudgpu.cli.render import Column
from cloudgpu.cli.session import Session
from cloudgpu.moving import address
from cloudgpu.moving.life import life_of
from cloudgpu.moving.migration import Migration
from cloudgpu.running.deployment import Deployment, DeploymentState, Progress
from cloudgpu.running.deployment.vitals import is_down, silence

_WRONG = timedelta(minutes=5)
"""So far a clock may be off its provider's before it is called wrong."""

_VAGUE = Decimal("0.1")
"""A sum that may be off by more than this share of itself is marked with a ~."""

_EXISTS_BADLY = {
    DeploymentState.FAILED: "it failed, and bills as long as it exists",
    DeploymentState.STOPPED: "somebody else stopped it (its host, the console, an empty balance)",
    DeploymentState.OUTBID: "a higher bid has its GPUs; its disk bills, and it comes back when its bid wins again",
    DeploymentState.CREATING: "nobody knows yet whether it was rented",
    DeploymentState.UNCERTAIN: "nobody knows yet whether it was rented",
    DeploymentState.DESTROYING: "its end is not confirmed",
    DeploymentState.CLEANUP_FAILED: "its end could not be confirmed",
}


def as_row(session: Session, deployment: Deployment) -> dict[str, object]:
    """The row of the JSON contract, and a few fields more."""
    spent = so_far(session, deployment)
    return {
        "name": deployment.name,
        "model": deployment.model,
        "provider": deployment.provider,
        "instance_id": deployment.instance_id,
        "state": deployment.state,
        "endpoint": deployment.endpoint,
        "usd_per_hour": deployment.usd_per_hour,
        "usd_per_hour_now": deployment.usd_per_hour_now,
        "usd_so_far": spent.usd,
        "doubt_usd": spent.doubt_usd,
        "since": deployment.since,
        "gpu": deployment.gpu,
        "cards": deployment.cards,
        "gpu_count": deployment.gpu_count,
        "service": deployment.service,
        "lease_until": deployment.lease_until,
        "ends_by_itself": deployment.ends_by_itself,
        "idle_stop_s": deployment.idle_stop_s,
        "dead_man_s": deployment.dead_man_s,
        "idle_since": deployment.idle_since,
        "unanswered": deployment.unanswered,
        "seen_at": deployment.seen_at,
        "note": deployment.last_error,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one life cost, by how much that may be off (nobody saw when something changed), and whose word it is."""

    usd: Decimal
    doubt_usd: Decimal
    source: Source

    @property
    def is_vague(self) -> bool:
        """Whether more than a tenth of it is in doubt."""
        return self.doubt_usd > _VAGUE * self.usd


def usd_so_far(session: Session, deployment: Deployment) -> Decimal:
    """What the ledger makes of its events until now."""
    return so_far(session, deployment).usd


def so_far(session: Session, deployment: Deployment) -> Spent:
    """The same, with what it rests on. Reads no bill."""
    history = read_history(each for each in session.store.events(deployment.name) if each.token == deployment.token)
    until = last_billed(history.lives, session.clock(deployment.provider).now())
    doubts = (doubt_usd(life, until) - running_hour_usd(life, until) for life in history.lives)
    line = total(deployment.token, charges(history, until))
    return Spent(usd=line.total_usd, doubt_usd=sum(doubts, ZERO), source=line.source)


def show_table(session: Session, deployments: Sequence[Deployment]) -> None:
    """One line a deployment, the ones with trouble explained below. When each was seen, where that is not now."""
    columns = [
        Column("NAME"), Column("STATE"), Column("PROVIDER"), Column("GPU", drop=1), Column("$/H", right=True),
        Column("SO FAR", right=True), Column("UP", right=True, drop=3), Column("MODEL", drop=5),
        Column("INSTANCE", drop=4), Column("ENDPOINT", drop=2),
    ]  # fmt: skip
    seen = [seen_ago(session, deployment) for deployment in deployments]
    sums = [so_far(session, deployment) for deployment in deployments]
    rows = [_cells(session, deployment, spent) for deployment, spent in zip(deployments, sums, strict=True)]
    if set(seen) - {"now", "never", "-"}:
        columns = [*columns[:2], Column("SEEN"), *columns[2:]]
        rows = [[*row[:2], ago, *row[2:]] for row, ago in zip(rows, seen, strict=True)]
    render.table(columns, rows)
    for deployment, spent in zip(deployments, sums, strict=True):
        if not deployment.state.is_final:
            _show_remarks(deployment, session.clock(deployment.provider).now())
        if spent.is_vague:
            off = render.money(spent.doubt_usd)
            render.note(f"~ {deployment.name}: nobody saw when it changed: off by {off} at most, until cloudgpu cost")


def _show_remarks(deployment: Deployment, now: datetime) -> None:
    """What the table has no room for: a wrong clock, a lease that is over, silence, a reason."""
    if deployment.since - now > _WRONG:
        ahead = render.duration((deployment.since - now).total_seconds())
        render.warning(f"{deployment.name}: by this machine's clock it is rented in {ahead}: set the clock right")
    if deployment.lease_until and deployment.lease_until < now:
        over = f"since {_moment(deployment.lease_until)}"
        render.warning(f"{deployment.name}: its lease is over {over}: cloudgpu down {deployment.name}")
    if silence(deployment) and not is_down(deployment):
        render.warning(f"{deployment.name}: {silence(deployment)}; what it prints: cloudgpu logs {deployment.name}")
    if deployment.last_error:
        render.note(f"{deployment.name}: {deployment.last_error}{_running_price(deployment)}")


def _running_price(deployment: Deployment) -> str:
    """What it would cost again if it ran: what it costs as it is stands in the table."""
    if not deployment.state.is_unwell or deployment.usd_per_hour_now == deployment.usd_per_hour:
        return ""
    return f"; running, it costs {render.money(deployment.usd_per_hour, 4)}/h"


def seen_ago(session: Session, deployment: Deployment) -> str:
    """How long ago its provider showed it, on that one's clock: `now`, `3 h 05 min ago`, `never`; `-`: it is over."""
    if deployment.state.is_final:
        return "-"
    if deployment.seen_at is None:
        return "never"
    return render.ago((session.clock(deployment.provider).now() - deployment.seen_at).total_seconds())


def seen_words(session: Session, deployment: Deployment) -> str:
    """`seen 3 h 05 min ago`, `seen last` of what was seen now, `recorded` where it never was."""
    ago = seen_ago(session, deployment)
    return {"now": "seen last", "never": "recorded"}.get(ago, f"seen {ago}")


def show_open_migrations(session: Session, deployments: Sequence[Deployment]) -> None:
    """A sentence on each migration that is not over: what there is of its sides bills until somebody closes it."""
    for service in sorted({deployment.service for deployment in deployments}):
        body = session.store.open_migration(service)
        if body is not None:
            migration = Migration.from_body(body)
            state = migration.state.value.replace("_", " ")
            render.note(
                f"The migration of {service} is {state}; {_billing(session, migration)}: cloudgpu migrate status"
            )


def _billing(session: Session, migration: Migration) -> str:
    """Which of its sides there is, also before the migration's own record holds the new one's token."""
    lives = [life_of(side, migration.service, session.store) for side in (migration.old, migration.new)]
    alive = [life.name for life in lives if life is not None and not life.state.is_final]
    if not alive:
        return "neither of its sides is left"
    return f"{' and '.join(alive)} {'bill' if len(alive) > 1 else 'bills'} until it is closed"


def trouble(deployments: Sequence[Deployment]) -> list[str]:
    """Sentences for what bills without serving, or may; empty when all is well."""
    return [
        f"{each.name} {'serves nobody' if serves_nobody else 'may still bill'} at {each.provider} (instance "
        f"{each.instance_id or 'unknown'}): {why}"
        for each in deployments
        for serves_nobody, why in _troubles(each)
    ]


def _troubles(deployment: Deployment) -> Iterator[tuple[bool, str]]:
    """Whether it is known to serve nobody, and why; nothing when all is well."""
    if deployment.state in _EXISTS_BADLY:
        yield deployment.state.is_unwell, _EXISTS_BADLY[deployment.state] + _of_its_disk(deployment)
    elif deployment.state is DeploymentState.READY and is_down(deployment):
        yield True, f"{silence(deployment)}, and bills; what it prints: cloudgpu logs {deployment.name}"


def _of_its_disk(deployment: Deployment) -> str:
    """At RunPod the disk of a pod that was stopped is erased, but for a volume."""
    if deployment.state is not DeploymentState.STOPPED:
        return ""
    return "; its disk bills on" if deployment.usd_per_hour_now else "; nothing is charged for it as it is"


def progress_detail(told: Progress) -> str:
    """What is known of a phase: the most that can have been spent, and a few words."""
    return f"≤ {render.money(told.usd)}  {told.detail}" if told.usd else told.detail


def show_ready(session: Session, deployment: Deployment, *, show_key: bool, others_usd: Decimal = ZERO) -> None:
    """The last words of `up`: where it answers, where the key is, how to ask, what it costs, how to end it.

    `others_usd` is what the same run spent on machines that did not stay.
    """
    env_file = address.env_path(deployment.service, session.settings.state_dir)
    published = address.read(deployment.service, session.settings.state_dir)
    waited = (deployment.ready_at - deployment.since).total_seconds() if deployment.ready_at else 0.0
    key = published.api_key.reveal() if show_key and published else f"in {env_file}"
    base_url = published.base_url if published else f"{deployment.endpoint}/v1"
    spent = render.money(usd_so_far(session, deployment) + others_usd)
    spent_on = f", {render.money(others_usd, 4)} of it for what did not stay" if others_usd else ""
    render.heading(f"{deployment.name} answers at {base_url} after {render.duration(waited)}")
    render.pairs(
        [
            ("Model", published.model if published else deployment.health.model_id),
            ("Key", key),
            ("Costs", f"{render.money(deployment.usd_per_hour, 4)}/h, {spent} so far{spent_on}"),
            ("Lease until", _moment(deployment.lease_until) + (", then it ends" if deployment.ends_by_itself else "")),
            ("Ends with", f"cloudgpu down {deployment.name}"),
        ]
    )  # fmt: skip
    render.text("Ask it:")
    for line in _question(env_file):
        render.shell(line)


def lease_words(deployment: Deployment) -> str:
    """Until when it may live, whether it ends by itself then, and after how long without work."""
    then = "ends by itself then" if deployment.ends_by_itself else "is only said to be over then"
    words = f"its lease is until {_moment(deployment.lease_until)}, and it {then}"
    if deployment.dead_man_s is not None:
        words += (
            f"; a timer inside ends it {render.duration(deployment.dead_man_s)} after its start, whatever this says"
        )
    if deployment.idle_stop_s is None:
        return words
    since = f"; idle since {_moment(deployment.idle_since)}" if deployment.idle_since else "; not known to be idle"
    return f"{words}; it ends after {render.duration(deployment.idle_stop_s)} without work{since}"


def _question(env_file: Path) -> tuple[str, ...]:
    body = '{"model": "\'"$OPENAI_MODEL"\'", "messages": [{"role": "user", "content": "Hello!"}], "max_tokens": 50}'
    return (
        f"  set -a; . {shlex.quote(str(env_file))}; set +a",
        '  curl -s "$OPENAI_BASE_URL/chat/completions" \\',
        '    -H "Authorization: Bearer $OPENAI_API_KEY" -H "Content-Type: application/json" \\',
        f"    -d '{body}'",
    )


def _cells(session: Session, deployment: Deployment, spent: Spent) -> list[str]:
    over = deployment.state.is_final
    age = session.clock(deployment.provider).now() - deployment.since
    return [
        deployment.name,
        deployment.state.value,
        deployment.provider,
        deployment.cards,
        "-" if over else render.money(deployment.usd_per_hour_now, 4),
        f"{'~' if spent.is_vague else ''}{render.money(spent.usd)}",
        "-" if over else "?" if age < -_WRONG else render.duration(max(0.0, age.total_seconds())),
        deployment.model,
        deployment.instance_id or "-",
        "-" if over or deployment.endpoint is None else deployment.endpoint,
    ]


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "none"
