"""What must hold, whatever went wrong: each rule yields sentences `kind: what was seen`."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from tests.campaign.truth import Truth

DOCUMENTED = range(7)
UNVOUCHED = 6


def judge_output(words: Sequence[str], status: int, out: str, err: str) -> Iterator[str]:
    """No traceback, a documented exit status, one JSON document. A negative status is a signal, and says nothing."""
    what = " ".join(words[:2])
    if "Traceback" in out + err:
        yield f"traceback: {what}: {_last_line(err)}"
    if "that cloudgpu does not know" in err:
        yield f"unexpected error: {what}: {err.strip().splitlines()[0]}"
    if status < 0:
        return
    if status not in DOCUMENTED:
        yield f"exit status: {what} ends with {status}: {_last_line(err)}"
    elif answer_of(out) is None:
        yield f"json: {what} (exit {status}) prints no JSON document: {out[:200]!r}"


def judge_creates(creates: Sequence[str], intended: Collection[str]) -> Iterator[str]:
    """Never two creates for one intent, never a create without one: `intended` stood in the journal beforehand."""
    for label in sorted(set(creates)):
        if creates.count(label) > 1:
            yield f"create sent twice: {creates.count(label)} times for {label}"
        if label not in intended:
            yield f"create without an intent: {label}"


def judge_destroys(destroys: Collection[str], labels: Mapping[str, str | None], truth: Truth) -> Iterator[str]:
    """Never a deletion of something not ours."""
    for each in sorted(set(destroys)):
        if not truth.is_ours(labels.get(each)):
            yield f"destroyed what is not ours: {each} ({labels.get(each)})"


def judge_doubt(words: Sequence[str], status: int, truth: Truth, *, could_write: bool) -> Iterator[str]:
    """Exit status 6 whenever something may bill that nobody can vouch for, and only then.

    A command whose journal could not be written could not keep the proof it had either: its alarm is no false one.
    """
    doubtful = [row for row in truth.rows if row.unsettled]
    what = " ".join(words[:2])
    if status >= 0 and status != UNVOUCHED and doubtful:
        yield f"silent doubt: {what} ends with {status} while {_told(doubtful)}"
    is_free = not (truth.alive_ours or truth.known or doubtful)
    if status == UNVOUCHED and words[0] in ("up", "down") and is_free and could_write:
        yield f"false alarm: {what} ends with 6, nothing is in doubt and nothing of ours exists"


def judge_names(truth: Truth, raced: Collection[str] = ()) -> Iterator[str]:
    """At most one deployment of a name lives, but of those `raced`: a race that was cut short may have left several."""
    names = [row.name for row in truth.rows if row.lives and row.name not in raced]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"two of one name: {_told(truth.living(name))}"


def judge_failure(words: Sequence[str], status: int, before: Collection[str], truth: Truth) -> Iterator[str]:
    """An `up` that fails leaves nothing of what it rented, or says that it may bill. `before`: earlier tokens."""
    left = [row for row in truth.rows if row.lives and row.token not in before and row.instance_id]
    left = [row for row in left if row.state != "ready"]  # a Ctrl-C after the end of it leaves what serves
    if words[0] == "up" and status > 0 and status != UNVOUCHED and left:
        yield f"left behind: up ends with {status}, and {_told(left)}"


def judge_unknown(words: Sequence[str], status: int, truth: Truth) -> Iterator[str]:
    """Nothing of ours bills that the journal does not know, unless the command says that it may."""
    unknown = truth.alive_ours - truth.known
    if status >= 0 and status != UNVOUCHED and unknown:
        yield f"bills unknown: {' '.join(words[:2])} ends with {status}, and {sorted(unknown)} is not in the journal"


def judge_served(ended: Mapping[str, str], destroys: Collection[str]) -> Iterator[str]:
    """What serves is ended by nobody but who was asked to: of those that are no more, none was destroyed by us."""
    for name, instance_id in ended.items():
        if instance_id in destroys:
            yield f"ended what was wanted: {name} on {instance_id}"


def judge_agreement(truth: Truth) -> Iterator[str]:
    """The instances that the emulator bills are exactly those that the store knows and wants."""
    if truth.alive_ours != truth.known:
        unknown, missing = sorted(truth.alive_ours - truth.known), sorted(truth.known - truth.alive_ours)
        yield f"disagreement: unknown to the journal {unknown}, not at the provider {missing}"
    for row in truth.rows:
        if row.unsettled or (row.lives and row.instance_id is None):
            yield f"unsettled in the end: {row.name} is {row.state} ({row.instance_id})"


def answer_of(out: str) -> Mapping[str, Any] | None:
    """The one JSON document that was printed; None for anything else."""
    try:
        answer = json.loads(out)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["nothing"])[-1][:300]


def _told(rows: Sequence[Any]) -> str:
    return ", ".join(f"{row.name} is {row.state} ({row.instance_id})" for row in rows)
