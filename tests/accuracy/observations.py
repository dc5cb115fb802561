"""Real starts of engines, carried as data, and what the estimate answers for each of them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cloudgpu.base.errors import CloudgpuError
from cloudgpu.sizing.cases import _model, choose_gpu, estimate_case
from cloudgpu.sizing.memory import MemoryEstimate

DATA = Path(__file__).parent / "memory.jsonl"
WHY = json.loads((Path(__file__).parent / "memory_misses.json").read_text(encoding="utf-8"))
"""What is known about each miss, by the row's id."""


@dataclass(frozen=True)
class Observation:
    """One reported start: what was asked (`case`), what the engine logged (`seen`), where it was reported.

    `left_out` says why the whole row does not count, `left_out_of` why one of its figures does not.
    """

    raw: dict

    @property
    def id(self) -> str:
        return self.raw["id"]

    @property
    def seen(self) -> dict:
        return self.raw.get("seen", {})

    @property
    def case(self) -> dict:
        return self.raw.get("case", {})

    @property
    def engine(self) -> str:
        return self.raw["engine"]

    @property
    def left_out(self) -> str | None:
        return self.raw.get("left_out")

    @property
    def version(self) -> tuple[int, int] | None:
        """The release as stated, None when the report does not say it."""
        text = self.case.get("engine_version")
        return tuple(int(part) for part in text.split(".")[:2]) if text else None

    @cached_property
    def answer(self) -> MemoryEstimate | CloudgpuError:
        try:
            return estimate_case(self.case)
        except CloudgpuError as error:
            return error

    def counts(self, figure: str) -> bool:
        return figure in self.seen and not self.left_out and figure not in self.raw.get("left_out_of", {})

    def figure(self, name: str) -> float | None:
        """The estimate's figure of that name, None when it answers with an error."""
        return None if isinstance(self.answer, CloudgpuError) else getattr(self.answer, name)

    def error(self, name: str) -> float | None:
        """Estimate over truth, less one."""
        found = self.figure(name)
        return None if found is None or not self.seen[name] else found / self.seen[name] - 1

    @property
    def counts_for_verdict(self) -> bool:
        return "verdict" not in self.raw.get("left_out_of", {}) and self.figure("starts") is not None

    @property
    def family(self) -> str:
        return _model(self.case).family

    @property
    def quantization(self) -> str:
        found = self.answer
        if isinstance(found, CloudgpuError):
            return "error"
        return found.quantization or ("float16" if self.case.get("dtype") in {"half", "float16"} else "bfloat16")

    @property
    def card(self) -> str:
        total = self.case.get("gpu_total_gib")
        if self.case.get("gpu"):
            return choose_gpu(self.case["gpu"], total).name
        return "not stated" if total == UNKNOWN_CARD_GIB else f"{total:g} GiB"

    @property
    def release_text(self) -> str:
        return f"{self.engine} {'.'.join(map(str, self.version)) if self.version else 'not stated'}"

    @property
    def title(self) -> str:
        named = self.case.get("model") or self.raw.get("reported", {}).get("model", "unnamed model")
        return f"{named}, {self.release_text}" if self.case else f"{named}, {self.engine}"

    @property
    def why(self) -> str:
        return WHY.get(self.id, "Not explained.")


UNKNOWN_CARD_GIB = 139.8
"""Stands for a card that the report does not name: only the weights of such a row count."""


def observations() -> Iterator[Observation]:
    """Every row of the data, those that do not count included."""
    for line in DATA.read_text(encoding="utf-8").splitlines():
        yield Observation(json.loads(line))
