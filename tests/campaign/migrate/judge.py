"""What must hold of a migration, whatever went wrong: each rule yields sentences `kind: what was seen`."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from tests.campaign.migrate.moment import Moment, Traffic
from tests.campaign.migrate.operations import AT_IT, DESTROYS_NOTHING, FORCED, LOOKS, NEW, OLD

_SHARING = ("canary", "promoted", "rolled_back")
_TRUSTED_AFTER_LOOKS, _TRUSTED_AFTER = 3, timedelta(minutes=10)


def judge_traffic(now: Moment, *, gateway_lost: bool) -> Iterator[str]:
    """Requests reach a side that answers, while there is one that may get them and somebody is there to lead them."""
    if now.traffic.running is None or gateway_lost:
        return
    if now.traffic.running is False:
        yield "gateway stopped: nobody asked for it"
        return
    entitled = _entitled(now) & now.well
    if entitled and not now.traffic.reaches(now.well):
        yield f"nobody reached: {sorted(entitled)} answer, requests go to {_told(now.traffic)}"


def judge_look(operation: str, status: int, before: Moment, now: Moment) -> Iterator[str]:
    """After a look the gateway runs; without one, the address of a promoted side that is dead went back to the old."""
    migration = now.record.open
    if operation not in LOOKS or status not in (0, 1) or migration is None or migration["ending"]:
        return
    if now.traffic.running is False and status == 0 and _standing(migration) in _SHARING and _entitled(now):
        yield f"gateway stays lost: {operation} ends with 0"
    old = before.instance(OLD)
    if _gives_way(migration) and status == 0 and old in now.well and not now.traffic.reaches(now.well):
        yield f"not led back: {operation} ends with 0, {old} answers, requests go to {_told(now.traffic)}"
    if (
        now.traffic.running is None
        and status == 0
        and migration["state"] == "promoted"
        and migration["strategy"]["auto_rollback"]
        and old in now.well & before.well
        and before.instance(NEW) not in before.well
        and not now.traffic.reaches(now.well)
    ):
        yield f"not gone back: {operation} ends with 0, {old} answers, requests go to {_told(now.traffic)}"


def judge_share(operation: str, before: Moment, now: Moment, at: datetime) -> Iterator[str]:
    """A new side that failed a look gets no larger share before it has passed for a while, while the old one answers.

    Only of a command that looks once.
    """
    was = before.record.open
    told = {each["migration_id"]: each for each in now.record.migrations}
    if was is None or operation == "migrate" or _standing(was) != "canary" or was["recovery"] is None:
        return
    became, old = told[was["migration_id"]], before.instance(OLD)
    larger = _percent(became) > _percent(was)
    if larger and old in before.well & now.well and not _is_over(was["recovery"], at):
        yield f"larger share too soon: {operation} gives {_percent(became)} % instead of {_percent(was)} %"


def judge_destroyed(operation: str, destroyed: frozenset[str], before: Moment, *, calm: bool) -> Iterator[str]:
    """What a command may end. `calm`: nothing else happened while it ran, so that what it saw was so.

    Never a side that answers while the other does not, unless somebody insisted or there was no way back from the
    beginning.
    """
    sides = {before.instance(OLD), before.instance(NEW)} - {None}
    if operation in DESTROYS_NOTHING and destroyed & sides:
        yield f"destroyed by the way: {operation} ends {sorted(destroyed & sides)}"
    migration = before.record.open
    replaces = migration is not None and migration["strategy"]["way"] == "replace"
    if operation in FORCED or not calm or replaces or (migration and migration["ending"]):
        return
    lost, left = destroyed & before.well & sides, (sides - destroyed) & before.well
    if operation != "migrate" and lost and not left:
        yield f"destroyed what alone answers: {operation} ends {sorted(lost)} of {sorted(map(str, sides))}"


def judge_reached(instance_id: str, traffic: Traffic) -> Iterator[str]:
    """Nothing is destroyed while weights, or an address, may lead requests to it. `replace` says that it does so."""
    if traffic.running is not False and instance_id in traffic.may_reach:
        yield f"destroyed while reached: {instance_id}, requests go to {_told(traffic)}"


def judge_words(operation: str, now: Moment, err: str) -> Iterator[str]:
    """A migration that is under way is never told to take another name: its new side has one."""
    if operation in AT_IT and now.record.open is not None and "--name" in err:
        yield f"wrong way out: {operation} sends to another --name"


def judge_offered(operation: str, answer: dict[str, Any] | None) -> Iterator[str]:
    """What was offered a moment ago, while nothing went wrong, is not refused for how things stand."""
    error = (answer or {}).get("error")
    if error and error["code"] == "conflict":
        yield f"offered and refused: {operation}: {error['message']}"


def judge_told(answer: dict[str, Any] | None, status: int, now: Moment) -> Iterator[str]:
    """What a success says is so: the state, who serves, and the share."""
    told = (answer or {}).get("migration")
    if status != 0 or told is None:
        return
    kept = [each for each in now.record.migrations if each["migration_id"] == told["migration_id"]]
    if not kept or kept[0]["state"] != told["state"]:
        yield f"untrue: it says {told['state']}, the journal {[each['state'] for each in kept]}"
    serving = now.instance(told["serving"]) if told["serving"] else None
    if serving and now.traffic.running is not False and serving not in now.traffic.may_reach:
        yield f"untrue: it says that {told['serving']} serves, requests go to {_told(now.traffic)}"


def judge_end(now: Moment) -> Iterator[str]:
    """In the end one side bills: the one that requests go to. None, when none was left."""
    if now.record.open is not None:
        yield f"stuck: the migration is {now.record.open['state']} whatever is typed: {now.record.open['problem']}"
    if len(now.alive) > 1:
        yield f"two bill: {sorted(now.alive)}"
    if now.alive & now.well and not now.traffic.reaches(now.well):
        yield f"nobody reached in the end: {sorted(now.alive)} answers, requests go to {_told(now.traffic)}"


def _percent(migration: Any) -> int:
    steps = [*migration["strategy"]["steps"], 100]
    return {"canary": int(steps[migration["step"]]), "promoted": 100}.get(_standing(migration), 0)


def _is_over(recovery: Any, at: datetime) -> bool:
    """With the one look of this command."""
    since = recovery["since"] and datetime.fromisoformat(recovery["since"])
    return bool(since) and recovery["looks"] + 1 >= _TRUSTED_AFTER_LOOKS and at - since >= _TRUSTED_AFTER


def _gives_way(migration: Any) -> bool:
    """A replacement that has begun: its old side goes before the new one comes, as was agreed."""
    return migration["strategy"]["way"] == "replace" and _standing(migration) not in ("planned", *_SHARING)


def _entitled(now: Moment) -> frozenset[str]:
    """Who may get requests: the old side, and the new one from its gates on; of a closed migration whoever is left.

    The old side of a replacement is taken from its clients a moment before it goes.
    """
    migration = now.record.open
    if migration is None:
        return frozenset(each for each in (now.instance(OLD), now.instance(NEW)) if each)
    if migration["ending"]:
        keep = NEW if migration["ending"] == "keep_new" else OLD
        return frozenset(each for each in (now.instance(keep),) if each)
    if _gives_way(migration):
        return frozenset()
    shared = _standing(migration) in _SHARING
    names = (OLD, NEW) if shared else (OLD,)
    return frozenset(each for each in map(now.instance, names) if each)


def _standing(migration: Any) -> str:
    return str(migration["paused_at"] or migration["state"])


def _told(traffic: Traffic) -> str:
    if traffic.running is False:
        return "a gateway that does not run"
    return f"{sorted(traffic.weighted)}, standing by {sorted(traffic.standby)}"
