"""What the options of `bench` and `compare` ask for, as a workload and service levels."""

from dataclasses import replace

from cloudgpu.base.errors import UsageError
from cloudgpu.moving.bench.figures import Slo
from cloudgpu.moving.bench.question import QUESTIONS
from cloudgpu.moving.bench.workload import Workload


def workload_of(
    *, users: str, iterations: int, turns: int, per_user: int, max_tokens: int | None, timeout_s: float,
    count_pieces: bool = False,
) -> Workload:  # fmt: skip
    """The workload. Raises UsageError for a list of users that is none."""
    questions = tuple(replace(each, max_tokens=max_tokens or each.max_tokens) for each in QUESTIONS)
    return Workload(
        questions=questions, iterations=iterations, users=_users(users), turns=turns, per_user=per_user,
        limit_s=timeout_s, count_pieces=count_pieces,
    )  # fmt: skip


def slo_of(given: str | None) -> Slo:
    """Service levels from `ttft:500,tpot:50,e2el:8000`, in milliseconds. Raises UsageError for anything else."""
    limits: dict[str, float] = {}
    for part in (given or "").replace(" ", "").split(","):
        name, _, value = part.partition(":")
        if part and (name not in _LEVELS or not _is_number(value)):
            raise UsageError(f"{part!r} is no service level", hint="like --goodput ttft:500,tpot:50,e2el:8000")
        if part:
            limits[f"{name}_s"] = float(value) / 1000
    return Slo(**limits)


_LEVELS = ("ttft", "tpot", "e2el")


def _users(given: str) -> tuple[int, ...]:
    parts = [part.strip() for part in given.split(",") if part.strip()]
    if not all(part.isdecimal() for part in parts):
        raise UsageError(f"{given!r} is no list of users", hint="like --users 1,10,20")
    return tuple(dict.fromkeys(int(part) for part in parts))


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal() and float(text) > 0
