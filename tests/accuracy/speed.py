"""Fits the six speed constants and says how far off they are, with each model family left out in turn.

    python tests/accuracy/speed.py [--wheel FILE] [--write]

`--write` puts the tables into docs/accuracy.md. Fitted to vLLM and SGLang on H100 and H200; B200 is only looked at.
What the constants mean and where the others come from is in cloudgpu/sizing/speed/constants.py. Needs pip and about
80 MB on the first run.
"""

import math
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import typer

sys.path.insert(0, str(Path(__file__).resolve().parent))

from silicon import Row, read_rows, sound
from speed_page import Findings, page, put_into_page

from cloudgpu.sizing.speed.constants import SpeedConstants, speed_constants
from cloudgpu.sizing.speed.decode import tpot_s

FITTED = ("tile_rows", "kernel_s", "step_s", "vllm.sequence_s", "sglang.sequence_s", "all_reduce_s")
FIRST_GUESS = (32.0, 4e-6, 1e-3, 5e-6, 5e-6, 6e-6)
"""The middle of the kernels' tiles, usual times of CUDA graphs, schedulers and NVLink all-reduces."""

RIDGE = 3e-3
SMOOTH = 0.03
FIT_CARDS, OTHER_CARDS = ("h100_sxm", "h200_sxm"), ("b200_sxm",)


def main(wheel: Path | None = None, write: bool = False) -> None:
    rows, impossible, contradicted = sound(read_rows(FIT_CARDS, wheel))
    others, _, _ = sound(read_rows(OTHER_CARDS, wheel))
    fitted = fit(rows)
    found = Findings(
        rows=rows,
        impossible=impossible,
        contradicted=contradicted,
        others=others,
        fitted=fitted,
        held_out=left_out_errors(rows),
        with_all=[error(row, fitted) for row in rows],
        on_others=[error(row, fitted) for row in others],
        on_broken=[error(row, fitted) for row in impossible + contradicted if row.memory and row.memory.starts],
    )
    text = page(found)
    typer.echo(text)
    if write:
        put_into_page(text)


def fit(rows: list[Row]) -> tuple[float, ...]:
    """The constants with the least sum of |log error|, drawn a little towards the first guess.

    A family on an engine counts by the root of its rows, so that a long sweep does not outvote a short one.
    """
    counts = Counter((row.family, row.engine) for row in rows)
    weighed = [(_linear(row), math.log(row.tpot_ms), counts[row.family, row.engine] ** -0.5) for row in rows]
    whole = sum(weight for _, _, weight in weighed)

    def loss(logs: list[float]) -> float:
        values = [math.exp(log) for log in logs]
        total = sum(
            weight * math.hypot(math.log(_sum(terms, values)) - target, SMOOTH) for terms, target, weight in weighed
        )
        pulled = sum((log - math.log(guess)) ** 2 for log, guess in zip(logs, FIRST_GUESS, strict=True))
        return total / whole + RIDGE * pulled

    return tuple(math.exp(log) for log in _descend(loss, [math.log(guess) for guess in FIRST_GUESS]))


def left_out_errors(rows: list[Row]) -> list[float]:
    """The error of each row under constants that were fitted without its family."""
    without = {family: fit([row for row in rows if row.family != family]) for family in {row.family for row in rows}}
    return [error(row, without[row.family]) for row in rows]


def error(row: Row, values: tuple[float, ...]) -> float:
    """Estimate over measurement, less one."""
    return _sum(_linear(row), values) / row.tpot_ms - 1


def committed() -> tuple[float, ...]:
    """The constants as they stand in the package."""
    own = {engine: speed_constants(engine) for engine in ("vllm", "sglang")}
    return tuple(getattr(own[name.partition(".")[0]] if "." in name else own["vllm"], name.split(".")[-1])
                 for name in FITTED)  # fmt: skip


def _linear(row: Row) -> tuple[float, ...]:
    """TPOT in ms is linear in the fitted constants: the rest, and what one unit of each adds. Probed, not derived."""
    if row.id not in _PROBED:
        rest = _tpot_ms(row, (0.0,) * len(FITTED))
        units = [tuple(float(place == other) for other in range(len(FITTED))) for place in range(len(FITTED))]
        _PROBED[row.id] = (rest, *(_tpot_ms(row, unit) - rest for unit in units))
    return _PROBED[row.id]


_PROBED: dict[str, tuple[float, ...]] = {}


def _tpot_ms(row: Row, values: tuple[float, ...]) -> float:
    return tpot_s(row.loads, _constants(row.engine, values)) * 1000


def _constants(engine: str, values: tuple[float, ...]) -> SpeedConstants:
    names = [name.split(".")[-1] if name.startswith(engine) or "." not in name else None for name in FITTED]
    return replace(speed_constants(engine), **{n: v for n, v in zip(names, values, strict=True) if n})


def _sum(terms: tuple[float, ...], values: tuple[float, ...] | list[float]) -> float:
    return terms[0] + sum(term * value for term, value in zip(terms[1:], values, strict=True))


def _descend(loss, start: list[float]) -> list[float]:
    """Coordinate descent with steps that halve: six dimensions, smooth enough."""
    best, value, step = list(start), loss(start), 0.5
    while step > 0.002:
        moved = False
        for place in range(len(best)):
            for change in (step, -step):
                tried = [*best[:place], best[place] + change, *best[place + 1 :]]
                if (found := loss(tried)) < value:
                    best, value, moved = tried, found, True
                    break
        if not moved:
            step /= 2
    return best


if __name__ == "__main__":
    typer.run(main)
