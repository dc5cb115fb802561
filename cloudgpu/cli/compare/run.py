"""One run of `cloudgpu compare`: measure both sides in turns, weigh, show; or contrast two saved benches."""

from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import typer

from cloudgpu.base.clock import SystemClock
from cloudgpu.base.errors import CloudgpuError, ConflictError, StoppedByUserError, UsageError
from cloudgpu.cli import render
from cloudgpu.cli.bench.target import emulated, endpoint_of
from cloudgpu.cli.bench.workload import slo_of, workload_of
from cloudgpu.cli.compare.view import show_contrast, show_verdict
from cloudgpu.cli.golden_remarks import show_golden
from cloudgpu.cli.interrupt import end_like_ctrl_c
from cloudgpu.cli.option_values import positive, refuse_empty
from cloudgpu.cli.out_file import write
from cloudgpu.cli.session import Session, open_session
from cloudgpu.moving.bench.contrast import contrasts
from cloudgpu.moving.bench.endpoint import Endpoint
from cloudgpu.moving.bench.left_out import left_out, sentences
from cloudgpu.moving.bench.markdown import contrast_markdown
from cloudgpu.moving.bench.report import report_of
from cloudgpu.moving.bench.saved import read_run
from cloudgpu.moving.gates.judge import Evidence, examine, weigh
from cloudgpu.moving.gates.page.contents import page_of
from cloudgpu.moving.gates.page.contrast import contrast_html
from cloudgpu.moving.gates.page.html import page_html
from cloudgpu.moving.gates.page.markdown import page_markdown
from cloudgpu.moving.gates.readiness import readiness_checks
from cloudgpu.moving.gates.thresholds import Thresholds
from cloudgpu.moving.gates.thresholds_file import read_thresholds, shipped
from cloudgpu.moving.gates.verdict import Outcome, Verdict
from cloudgpu.moving.quality.golden import GoldenSet
from cloudgpu.moving.quality.golden_file import golden_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The options, as they were typed. `key_envs` and `prices` are of A and of B."""

    old: str | None
    new: str | None
    golden: str | None
    allow_code: bool
    gates: str
    key_envs: tuple[str | None, str | None]
    prices: tuple[str | None, str | None]
    users: str
    iterations: int
    turns: int
    per_user: int
    max_tokens: int | None
    timeout_s: float
    goodput: str | None
    judge: str | None
    judge_model: str | None
    judge_key_env: str | None
    html: Path | None
    markdown: bool
    check: bool
    show_gates: bool
    as_json: bool


def run(wish: Wish) -> None:
    """Compare and show. Raises UsageError for a wish that makes no sense, and what stands in the way of an answer."""
    refuse_empty(golden=wish.golden, gates=wish.gates, judge=wish.judge)
    if wish.show_gates:
        return render.shell(shipped()["default"].read_text(encoding="utf-8").rstrip())
    if wish.old is None or wish.new is None:
        raise UsageError("two sides are needed", hint="cloudgpu compare A B: deployments, addresses or saved benches")
    saved = [Path(side).suffix == ".json" and "://" not in side for side in (wish.old, wish.new)]
    if all(saved):
        return _contrast(wish, Path(wish.old), Path(wish.new))
    if any(saved):
        raise UsageError("a saved bench can only be compared with another one", hint="cloudgpu bench NAME --save FILE")
    return _compare(wish, wish.old, wish.new)


def _contrast(wish: Wish, old: Path, new: Path) -> None:
    _refuse_of_saved(wish)
    one, other = read_run(old), read_run(new)
    found, left = contrasts(one, other), left_out(one, other)
    if not found:
        why = "; ".join(line.removeprefix("Left out: ").removesuffix(".") for line in sentences(left))
        raise UsageError(f"the two benches have nothing in common: {why}", hint="run both with the same --users")
    if wish.html is not None:
        write(contrast_html(one, other, found, left), wish.html)
    if wish.as_json:
        render.out_json({"old": one.name, "new": other.name, "contrasts": [each.as_body() for each in found],
                         "left_out": [each.as_body() for each in left]})  # fmt: skip
    elif wish.markdown:
        render.shell(contrast_markdown(one, other, found, left).rstrip())
    else:
        show_contrast(one, other, found, left)
    _show_place(wish)


def _refuse_of_saved(wish: Wish) -> None:
    """Raise UsageError for what only live endpoints can be asked for."""
    asked = {"--golden": wish.golden, "--judge": wish.judge, "--check": wish.check}
    for option in (name for name, value in asked.items() if value):
        raise UsageError(f"two saved benches hold no answers, so {option} means nothing for them",
                         hint="compare the live endpoints: cloudgpu compare NAME NAME")  # fmt: skip


def _compare(wish: Wish, old: str, new: str) -> None:
    thresholds = _thresholds(wish)
    golden = golden_of(wish.golden, allow_code=wish.allow_code)
    show_golden(golden, thresholds)
    session = open_session()
    sides = (
        endpoint_of(session, old, key_env=wish.key_envs[0], usd_per_hour=_price(wish.prices[0], "--usd-per-hour")),
        endpoint_of(
            session,
            new,
            key_env=wish.key_envs[1] or _shared(wish),
            usd_per_hour=_price(wish.prices[1], "--usd-per-hour-b"),
        ),
    )
    evidence = _evidence(wish, session, _told_apart(sides), golden)
    verdict = weigh(evidence, thresholds)
    _show(wish, evidence, verdict, golden)
    for line in emulated(session, old, new):
        render.progress(line)
    if evidence.stopped:
        render.progress("Error: stopped by Ctrl-C; what stands above was measured until then")
    if evidence.stopped or (wish.check and verdict.outcome is not Outcome.PASS):
        raise typer.Exit(CloudgpuError.exit_status)


def _evidence(
    wish: Wish, session: Session, sides: tuple[Endpoint, Endpoint], golden: GoldenSet | None
) -> Evidence:  # fmt: skip
    end_like_ctrl_c()
    old, new = sides
    workload = workload_of(
        users=wish.users, iterations=wish.iterations, turns=wish.turns, per_user=wish.per_user,
        max_tokens=wish.max_tokens, timeout_s=wish.timeout_s,
    )  # fmt: skip
    referee = _referee(wish, session)
    with render.live(SystemClock()) as progress:
        progress.phase("readiness", new.name)
        ready = tuple(readiness_checks(new))
        if any(check.outcome is Outcome.FAIL for check in ready):
            raise ConflictError(ready[0].reason, hint="see: cloudgpu status")
        found = examine(
            old, new, SystemClock(), ready=ready, workload=workload, golden=golden, referee=referee,
            on_progress=progress.phase,
        )  # fmt: skip
    if not all(run.samples for run in found.runs):
        raise StoppedByUserError("stopped before anything was measured", hint="nothing was rented or changed")
    return found


def _shared(wish: Wish) -> str | None:
    """The key of A is that of B too when both are addresses; a deployment has its own."""
    return wish.key_envs[0] if "://" in (wish.new or "") and "://" in (wish.old or "") else None


def _price(text: str | None, option: str) -> Decimal | None:
    return None if text is None else positive(text, option)


def _referee(wish: Wish, session: Session) -> Endpoint | None:
    if wish.judge is None:
        return None
    return endpoint_of(session, wish.judge, model=wish.judge_model, key_env=wish.judge_key_env)


def _thresholds(wish: Wish) -> Thresholds:
    found = read_thresholds(wish.gates)
    return replace(found, slo=slo_of(wish.goodput)) if wish.goodput else found


def _told_apart(sides: tuple[Endpoint, Endpoint]) -> tuple[Endpoint, Endpoint]:
    """An endpoint that is compared with itself is called by two names."""
    old, new = sides
    return (old, replace(new, name=f"{new.name} (again)")) if old.name == new.name else sides


def _show(wish: Wish, evidence: Evidence, verdict: Verdict, golden: GoldenSet | None) -> None:
    page = page_of(evidence, verdict)
    if wish.html is not None:
        write(page_html(page), wish.html)
    if wish.as_json:
        render.out_json(_document(evidence, verdict))
    elif wish.markdown:
        render.shell(page_markdown(page).rstrip())
    else:
        show_verdict(page, golden.notes if golden else ())
    _show_place(wish)


def _show_place(wish: Wish) -> None:
    if wish.html is not None:
        render.progress(f"The page is in {wish.html}")


def _document(evidence: Evidence, verdict: Verdict) -> dict[str, object]:
    return {
        "verdict": verdict.as_body(), "runs": [report_of(run) for run in evidence.runs],
        "quality": [[trial.as_body() for trial in side.trials] for side in evidence.quality or ()],
        "judge": [each.as_body() for each in evidence.opinions or ()],
        "stopped": evidence.stopped,
    }  # fmt: skip
