"""One run of `cloudgpu bench`: measure, keep, show; what was cut short is shown too, and ends with status 1."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import typer

from cloudgpu.base.clock import SystemClock
from cloudgpu.base.errors import CloudgpuError, StoppedByUserError
from cloudgpu.cli import render
from cloudgpu.cli.bench.target import clock_of, emulated, endpoint_of
from cloudgpu.cli.bench.view import show_run
from cloudgpu.cli.bench.workload import slo_of, workload_of
from cloudgpu.cli.interrupt import end_like_ctrl_c
from cloudgpu.cli.option_values import positive, refuse_empty
from cloudgpu.cli.session import Session, open_session
from cloudgpu.moving.bench.markdown import run_markdown
from cloudgpu.moving.bench.measure import measure
from cloudgpu.moving.bench.report import report_of
from cloudgpu.moving.bench.run import Run
from cloudgpu.moving.bench.saved import save_run
from cloudgpu.moving.bench.workload import Workload, loaded


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The options, as they were typed."""

    target: str
    model: str | None
    form: str | None
    api_key_env: str | None
    users: str
    iterations: int
    turns: int
    per_user: int
    max_tokens: int | None
    timeout_s: float
    goodput: str | None
    usd_per_hour: str | None
    count_pieces: bool
    save: Path | None
    detailed: bool
    markdown: bool
    as_json: bool


def run(wish: Wish) -> None:
    """Measure the endpoint and show the result. Raises what stands in the way of a first answer.

    Once something was measured it is shown, whatever happens; an early end is told on stderr and by status 1.
    """
    refuse_empty(model=wish.model, form=wish.form, api_key_env=wish.api_key_env)
    price = None if wish.usd_per_hour is None else positive(wish.usd_per_hour, "--usd-per-hour")
    slo = slo_of(wish.goodput)
    workload = workload_of(
        users=wish.users, iterations=wish.iterations, turns=wish.turns, per_user=wish.per_user,
        max_tokens=wish.max_tokens, timeout_s=wish.timeout_s, count_pieces=wish.count_pieces,
    )  # fmt: skip
    session = open_session()
    found = _measured(wish, workload, price, session)
    if wish.save is not None:
        save_run(found, wish.save)
    if wish.as_json:
        render.out_json(report_of(found, slo, with_samples=wish.detailed))
    elif wish.markdown:
        render.shell(run_markdown(found, slo, counted_pieces=wish.count_pieces).rstrip())
    else:
        show_run(found, slo, counted_pieces=wish.count_pieces)
    for line in emulated(session, wish.target):
        render.progress(line)
    if wish.save is not None:
        render.progress(f"Kept in {wish.save}; compare it: cloudgpu compare {wish.save} OTHER")
    if found.ended is not None:
        render.progress(f"Error: {found.ended}")
        raise typer.Exit(CloudgpuError.exit_status)


def _measured(wish: Wish, workload: Workload, price: Decimal | None, session: Session) -> Run:
    end_like_ctrl_c()
    endpoint = endpoint_of(
        session, wish.target, model=wish.model, form=wish.form, key_env=wish.api_key_env, usd_per_hour=price
    )
    whole = workload.requests()
    with render.live(SystemClock()) as progress:
        progress.phase("warm-up", f"{workload.warm_up} questions that are left out")
        found = measure(
            (endpoint,), workload, clock_of(session, wish.target),
            lambda _, users, done: progress.phase("bench", f"{loaded(users)}, {done} of {whole} requests done"),
        )[0]  # fmt: skip
    if not found.samples:
        raise StoppedByUserError("stopped before anything was measured", hint="nothing was rented or changed")
    return found
