"""Instances on the bill that the journal never made: orphans of ours, or somebody else's work on the same account."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from cloudgpu.accounting.history import History, Statement
from cloudgpu.base.money import ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranger:
    """An instance on the bill that no event of ours names, what it cost, and the time that was billed."""

    provider: str
    instance_id: str
    usd: Decimal
    first: datetime
    last: datetime


def strangers(history: History, statement: Statement) -> list[Stranger]:
    """The dearest first. Pure."""
    known = {life.instance_id for life in history.lives if life.provider == statement.provider}
    names = sorted({instance_id for instance_id, _ in statement.lines} - {i for i in known if i})
    return sorted((_stranger(statement, name) for name in names), key=lambda each: -each.usd)


def _stranger(statement: Statement, name: str) -> Stranger:
    lines = [line for instance_id, line in statement.lines if instance_id == name]
    return Stranger(
        provider=statement.provider, instance_id=name, usd=sum((line.usd for line in lines), ZERO),
        first=min(line.start for line in lines), last=max(line.end for line in lines),
    )  # fmt: skip
