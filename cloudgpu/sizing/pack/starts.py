"""What each server meets when it starts: it compares its share of the card with what is free then.

Source: vLLM refuses to start when less is free than its share of the total; from 0.10 its share counts itself alone.
"""

from dataclasses import dataclass

from cloudgpu.sizing.pack.packing import CardLoad


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One server's start after those before it. `words` is the engine's refusal, None when it starts."""

    name: str
    card: int
    share: float
    desired_gib: float
    free_gib: float
    words: str | None


def starts_on(card: CardLoad) -> list[Start]:
    """The servers of a card in the order of the budget. Programs before them are taken idle, as they are then."""
    taken_gib, found = card.reserve_gib, []
    for placed in card.placed:
        demand = placed.demand
        if demand.share is not None:
            free_gib = card.gpu.total_gib - taken_gib - demand.context_gib
            desired_gib = demand.share * card.gpu.total_gib
            refused = _words(card, free_gib, demand.share, desired_gib) if free_gib < desired_gib else None
            found.append(
                Start(
                    name=placed.entry.name, card=card.index, share=demand.share,
                    desired_gib=desired_gib, free_gib=free_gib, words=refused,
                )
            )  # fmt: skip
            taken_gib += 0.0 if refused else demand.idle_gib
        else:
            taken_gib += demand.idle_gib
    return found


def _words(card: CardLoad, free_gib: float, share: float, desired_gib: float) -> str:
    return (
        f"ValueError: Free memory on device cuda:{card.index} ({max(free_gib, 0.0):.2f}/{card.gpu.total_gib:.2f} GiB) "
        f"on startup is less than desired GPU memory utilization ({share:g}, {desired_gib:.2f} GiB). Decrease GPU "
        "memory utilization or reduce GPU memory used by other processes."
    )
