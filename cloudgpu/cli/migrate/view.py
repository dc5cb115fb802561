"""How migrations are shown: what one will cost, what both sides answered, where it stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from cloudgpu.base.errors import CloudgpuError
from cloudgpu.cli import render
from cloudgpu.cli.migrate.looks import words_of_looks
from cloudgpu.cli.migrate.shares import has_shares, shares, who_serves
from cloudgpu.cli.migrate.standing import Standing, silences, standing
from cloudgpu.cli.render import Column
from cloudgpu.cli.session import Session
from cloudgpu.moving import address
from cloudgpu.moving.double_run import DoubleRun, OpenEnd
from cloudgpu.moving.footing import SILENCE, Footing, Stand
from cloudgpu.moving.gates.verdict import Outcome
from cloudgpu.moving.hook import HookResult
from cloudgpu.moving.kept_page import page_path
from cloudgpu.moving.life import life_of
from cloudgpu.moving.migration import Migration, Side
from cloudgpu.moving.state import MigrationState
from cloudgpu.running.deployment import Deployment


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """The new side as it is announced: `gpu` is `1x RTX 4090 24 GB`; no cap when nothing is rented."""

    name: str
    model: str
    gpu: str
    most_usd_per_hour: Decimal | None = None


def show_price(old: Deployment, new: Newcomer, price: DoubleRun, now: datetime, *, replaces: bool) -> None:
    """What the double run costs, before it begins."""
    render.heading(f"Migrate {old.service}: {old.name} → {new.name} ({new.model})")
    cap = f"; never above {render.money(new.most_usd_per_hour, 4)}/h" if new.most_usd_per_hour else ""
    meanwhile = "goes first" if replaces else "keeps serving"
    rows = [
        ("Old", f"{render.money(price.old_usd_per_hour, 4)}/h on {old.cards}, {meanwhile}"),
        ("New", f"{render.money(price.new_usd_per_hour, 4)}/h on {new.gpu}{cap}"),
    ]
    if not replaces:
        rows.append(("Both", f"{render.money(price.both_usd_per_hour, 4)}/h from the create until finalize or abort"))
    if price.ready_s:
        download = f", {render.money(price.download_usd)} of it for the download" if price.download_usd else ""
        rows.append(
            ("Until ready", f"about {render.duration(price.ready_s)}, {render.money(price.until_ready_usd)}{download}")
        )
        rows.append(("At most", f"{render.money(price.at_most_usd)} before it answers, then the new side is removed"))
    else:
        rows.append(("Until ready", "now: it is alive, nothing new is rented"))
    rows.append(("Way back", _way_back(old, price, now, replaces=replaces)))
    if not replaces:
        rows.append(("Double run", _double_run(price)))
    render.pairs(rows)


def _double_run(price: DoubleRun) -> str:
    """With every part that has no end of its own: nobody knows what that comes to."""
    said = f"{render.money(price.on_top_usd)} on top of the side that runs anyway"
    return "; ".join([said, *(f"+ {open_end_words(each)}" for each in price.open_ends)])


def open_end_words(end: OpenEnd) -> str:
    """What lasts until somebody says a word, with its price."""
    return f"{render.money(end.usd_per_hour, 4)} for every hour until {end.until}"


def _way_back(old: Deployment, price: DoubleRun, now: datetime, *, replaces: bool) -> str:
    if replaces:
        return f"none: {old.name} is gone, and would have to be rented again at whatever it costs then"
    if price.window_s is None or price.window_usd is None:
        return f"{render.money(price.old_usd_per_hour, 4)} for each hour that {old.name} is kept, until finalize"
    if price.open_ends:
        kept = render.duration(price.window_s)
        return f"keeping {old.name} warm for {kept} after promote costs {render.money(price.window_usd)}"
    until = now + timedelta(seconds=price.ready_s + price.canary_s + price.window_s)
    return f"keeping {old.name} warm until {until:%H:%M} UTC costs {render.money(price.window_usd)}"


def show_verdict(session: Session, migration: Migration) -> None:
    """What the gates found, one line a check, and where the page with both sides' answers lies."""
    if migration.verdict is None:
        return
    columns = [Column("GATE", drop=1), Column("CHECK"), Column("OUTCOME"), Column("REASON")]
    rows = [[each.gate, each.name, each.outcome.replace("_", " "), each.reason] for each in migration.verdict.checks]
    render.table(columns, rows, title=f"Gates: {migration.verdict.outcome}")
    page = page_path(session.settings.state_dir, migration.migration_id)
    if page.exists():
        render.note(f"Both sides' answers and times: {page}")
    render.text()


def show_new_verdict(session: Session, before: Migration) -> None:
    """The verdict that came in since `before`, as the journal has it: shown also when it refused."""
    body = session.store.migration(before.migration_id)
    now = Migration.from_body(body) if body else before
    if now.verdict != before.verdict:
        show_verdict(session, now)


def show_moved(session: Session, migration: Migration) -> None:
    """Who gets the requests, where the address lies, and what comes next while something does."""
    now = standing(session, migration)
    if migration.state is MigrationState.PAUSED:
        render.text(f"The migration {migration.migration_id} is paused.")
    render.text(who_serves(now))
    render.text(f"  {address.env_path(migration.service, session.settings.state_dir)}")
    render.text(f"  {address.json_path(migration.service, session.settings.state_dir)}")
    if migration.is_open:
        show_choices(now)


def show_choices(now: Standing, told: str | None = None) -> None:
    """What can be done next, with the price of waiting; `told` is what was said of a side already."""
    migration = now.migration
    promoted = migration.state is MigrationState.PROMOTED and migration.ending is None
    for sentence in silences(now):
        if sentence != told:
            render.text(f"{sentence}.")
    if promoted and now.no_way_back:
        render.text("There is no way back now.")
    if promoted or (migration.state is MigrationState.ROLLED_BACK and migration.ending is None):
        _show_spare(now, promoted=promoted)
    for sentence in words_of_looks(now):
        render.text(sentence)
    _show_ways(now)


def show_brings_back(now: Standing) -> None:
    """Of a closed migration that left nothing that serves: that, and what brings it back; nothing of others."""
    if now.brings_back:
        render.text(f"Nothing serves {now.migration.service} now.")
        _show_ways(now)


def _show_ways(now: Standing) -> None:
    for way in now.ways:
        render.note(f"{way.words[0].upper()}{way.words[1:]}:  {', then '.join(way.commands)}")


def _show_spare(now: Standing, *, promoted: bool) -> None:
    """What the side that stands by costs meanwhile, and what ends that."""
    spare, due = now.old if promoted else now.new, now.migration.due
    if spare is not None and now.footing == Footing():
        word = "finalize" if promoted else "finalize or abort"
        until = f"a look after {due:%H:%M} UTC removes it" if promoted and due else word
        render.text(f"{spare.name} stays alive at {render.money(spare.usd_per_hour, 4)} per hour until {until}.")


def closing_question(session: Session, migration: Migration, loser: Side) -> str:
    """What is asked before a migration is closed; a side in charge that is gone destroys nothing."""
    keep = migration.new if loser == migration.old else migration.old
    life = life_of(keep, migration.service, session.store)
    if life is not None and life.state.is_final:
        return f"{keep.name} is gone. Close this migration with what is left?"
    return f"Destroy {loser.name} for good?"


def show_status(session: Session, now: Standing) -> None:
    """One migration: how far, both sides, what went wrong, what to do."""
    migration = now.migration
    render.heading(f"{migration.migration_id}: {migration.old.name} → {migration.new.name}, {migration.state}")
    by = "both" if has_shares(migration) else now.serving or "nothing"
    rows = [("Service", f"{migration.service}, served by {by}")]
    rows.append(("Old", _side_text(now, is_new=False)))
    rows.append(("New", _side_text(now, is_new=True)))
    rows += _traffic_rows(now)
    if migration.ending:
        rows.append(("Closing", migration.ending.value.replace("_", " ")))
    if migration.problem and (now.may_bill or migration.state is not MigrationState.CLEANUP_FAILED):
        rows.append(("Problem", migration.problem))
    if migration.untold:
        again = "; it is run again at each look, and nothing is removed by itself before" if migration.is_open else ""
        rows.append(("Hook", f"{migration.untold.in_full}{again}"))
    render.pairs(rows)
    render.text()
    show_verdict(session, migration)
    if migration.is_open:
        show_choices(now, told=migration.problem)
    show_brings_back(now)


def _traffic_rows(now: Standing) -> list[tuple[str, str]]:
    rows, migration = [], now.migration
    if has_shares(migration):
        rows.append(("Traffic", shares(migration)))
    if migration.live:
        judged = [each.reason for each in migration.live.checks if each.outcome is not Outcome.NOT_JUDGED]
        rows.append(("Since then", f"{migration.live.outcome}: {'; '.join(judged)}"))
    if migration.recovery and migration.recovery.looks and migration.is_recovering and migration.standing.is_watched:
        rows.append(("Recovers", migration.recovery.told(migration.new.name, "it is trusted")))
    if migration.due and migration.is_open:
        promoted = migration.state is MigrationState.PROMOTED
        what = "Next step" if not promoted else "Old side until" if now.no_way_back else "Way back until"
        longer = f", extended {migration.extended} times" if migration.extended else ""
        rows.append((what, f"{migration.due:%Y-%m-%d %H:%M:%S} UTC{longer}"))
    if migration.state is MigrationState.PROMOTED and now.no_way_back:
        rows.append(("Way back", f"none: {now.no_way_back}"))
    return rows


def show_list(migrations: Sequence[Migration]) -> None:
    """All migrations, newest last."""
    if not migrations:
        render.text("There was no migration yet. Begin one: cloudgpu migrate --from NAME --to MODEL")
        return
    columns = [
        Column("Migration"), Column("Service", drop=2), Column("From"), Column("To"), Column("State"),
        Column("Began (UTC)", drop=1),
    ]  # fmt: skip
    rows = [
        [each.migration_id, each.service, each.old.name, each.new.name, each.state.value, each.created_at[:16]]
        for each in migrations
    ]
    render.table(columns, rows)


def show_final_bill(name: str, usd: Decimal, source: str) -> None:
    """What the side that was given up cost in all."""
    render.text(f"{name} is gone; it cost {render.money(usd, 4)} in all ({source}).")


def as_json(now: Standing) -> dict[str, Any]:
    """A migration for programs; no secret is in it."""
    migration = now.migration
    body = migration.as_body()
    return {
        "migration_id": migration.migration_id,
        "service": migration.service,
        "state": migration.state.value,
        "ending": body["ending"],
        "model": migration.model,
        "serving": now.serving,
        "old": _side_json(migration.old, now.old, now.footing.old),
        "new": _side_json(migration.new, now.new, now.footing.new),
        "strategy": body["strategy"],
        "new_percent": migration.new_percent,
        "paused_at": body["paused_at"],
        "due": body["due"],
        "extended": migration.extended,
        "verdict": body["verdict"],
        "live": body["live"],
        "recovery": body["recovery"] if migration.is_recovering else None,
        "problem": migration.problem,
        "untold": body["untold"],
        "next": [{"what": each.what, "once": each.once, "commands": each.commands} for each in now.ways],
        "created_at": migration.created_at,
    }


def error_json(error: CloudgpuError) -> dict[str, Any]:
    """An error inside of a document that tells more than the error."""
    return {"code": error.code, "message": error.message, "hint": error.hint}


def hook_json(hooks: Sequence[HookResult]) -> dict[str, Any] | None:
    """How the hook ended, for programs; None when none was run. Run twice, its failure tells more than its success."""
    if not hooks:
        return None
    told = next((each for each in hooks if each.failure), hooks[-1])
    return {"command": told.command, "failure": told.failure, "output": told.output}


def _side_text(now: Standing, *, is_new: bool) -> str:
    migration, footing = now.migration, now.footing
    side, life = (migration.new, now.new) if is_new else (migration.old, now.old)
    stand, found = (footing.new, migration.new_found) if is_new else (footing.old, migration.old_found)
    if life is None:
        return f"{side.name}: {'not created yet' if migration.is_open else 'was never created'}"
    price = "" if life.state.is_final else f", {render.money(life.usd_per_hour_now, 4)}/h"
    silent = f", {found or SILENCE}" if stand is Stand.SILENT and not life.state.is_unwell else ""
    return f"{side.name}: {life.short_name} on {life.cards}, {life.state.value}{silent}{price}"


def _side_json(side: Side, life: Deployment | None, stand: Stand) -> dict[str, Any]:
    return {
        "name": side.name,
        "model": life.model if life else None,
        "instance_id": life.instance_id if life else None,
        "state": life.state.value if life else None,
        "stands": stand.value,
        "usd_per_hour": life.usd_per_hour if life else None,
        "usd_per_hour_now": life.usd_per_hour_now if life else None,
        "endpoint": life.endpoint if life else None,
    }
