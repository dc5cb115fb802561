"""How a migration stands after a command, and what the side that was given up cost in all."""

from collections.abc import Sequence
from decimal import Decimal

from cloudgpu.accounting.ledger import fold
from cloudgpu.accounting.tally import total
from cloudgpu.base.clock import SystemClock
from cloudgpu.cli import render
from cloudgpu.cli.migrate.standing import standing
from cloudgpu.cli.migrate.view import as_json as migration_json
from cloudgpu.cli.migrate.view import hook_json, show_final_bill, show_moved
from cloudgpu.cli.session import Session
from cloudgpu.moving.hook import HookResult
from cloudgpu.moving.migration import Migration


def show_outcome(session: Session, migration: Migration, hooks: Sequence[HookResult], *, as_json: bool) -> None:
    """Who serves now and what can be done next; of a migration that is closed, the last bill of the side that went."""
    now = standing(session, migration)
    if as_json:
        return render.out_json({"migration": migration_json(now), "hook": hook_json(hooks)})
    if migration.is_open:
        return show_moved(session, migration)
    render.text(f"{migration.service} is served by {now.serving or 'nothing'}; the migration is {migration.state}.")
    for life in (now.old, now.new):
        if life is not None and life.state.is_final:
            show_final_bill(life.name, *_whole_cost(session, life.token))
    return None


def _whole_cost(session: Session, token: str) -> tuple[Decimal, str]:
    events = [event for event in session.store.events() if event.token == token]
    far = max([SystemClock().now(), *(event.at for event in events)])
    line = total(token, fold(events, far))
    return line.total_usd, line.source.value
