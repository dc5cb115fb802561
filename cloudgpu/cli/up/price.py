"""What `cloudgpu up` shows before it asks: the price, until when, what it falls back to, what stands already."""

from collections.abc import Sequence
from decimal import Decimal

from cloudgpu.base.money import ZERO
from cloudgpu.cli import render
from cloudgpu.cli.session import OWN
from cloudgpu.cli.up.stops import Stop
from cloudgpu.running.deployment import Deployment, UpRequest
from cloudgpu.running.deployment.request import Rental


def show_price(stops: Sequence[Stop]) -> None:
    """What is agreed to: the price of the first stop, what it falls back to, and what goes on billing."""
    stop = stops[0]
    request, candidate = stop.request, stop.plan.candidates[0]
    first, limits, most = request.rentals[0], request.limits, _most_usd_per_hour(stops)
    at_once = request.within_agreement[: limits.hedge]
    offer = first.offer
    render.heading(f"{request.name}: {candidate.checkpoint} on {offer.cards}")
    render.pairs(
        [
            ("Place", f"{stop.provider}, {offer.location or 'place unknown'}, offer {offer.offer_id}"),
            ("Per hour", _per_hour(stops)),
            *([("Interruptible", "a higher bid takes it away; its disk bills on")] if offer.interruptible else []),
            ("Download", f"{render.money(first.download_usd)} once, about {first.launch.download_gb:.0f} GB"),
            ("First hour", render.money(sum((each.usd_per_hour + each.download_usd for each in at_once), ZERO))),
            ("Until ready", f"{render.money(_most_usd(stops))} at most, then all is removed"),
            *([("At once", _at_once(at_once, most))] if limits.hedge > 1 else []),
            ("Falls back", _falls_back(stops)),
            ("Lease", _lease(request)),
            ("Keeps billing", _keeps_billing(stop)),
        ]
    )  # fmt: skip


def _keeps_billing(stop: Stop) -> str:
    if stop.provider == OWN:
        return "nobody. " + " ".join(stop.plan.offers.notes)
    return "GPU while it runs, disk until it is removed, even when it is stopped"


def _most_usd(stops: Sequence[Stop]) -> Decimal:
    """The most before one answers, at all of the providers together: a limit that was given holds for all of them."""
    each = [stop.request.limits.spend_usd(stop.request.rentals) for stop in stops]
    return max(each) if stops[0].request.limits.max_spend_usd is not None else sum(each, ZERO)


def _most_usd_per_hour(stops: Sequence[Stop]) -> Decimal:
    """What a machine may cost per hour at the most, wherever it is rented in the end."""
    return max(stop.request.most_usd_per_hour for stop in stops)


def _at_once(rentals: Sequence[Rental], most_usd_per_hour: Decimal) -> str:
    together = render.money(sum((each.usd_per_hour for each in rentals), ZERO), 4)
    return (
        f"{len(rentals)} machines, {together}/h together and never above "
        f"{render.money(most_usd_per_hour * len(rentals), 4)}; the first that answers stays"
    )


def _falls_back(stops: Sequence[Stop]) -> str:
    request = stops[0].request
    others = len(request.within_agreement) - 1
    here = f"to {min(others, request.limits.max_attempts - 1)} of {others} more offers when this one fails"
    return here + "".join(f", then to {stop.provider} {_prices(stop.request)}" for stop in stops[1:])


def _prices(request: UpRequest) -> str:
    first, most = request.rentals[0].usd_per_hour, request.most_usd_per_hour
    return f"from {render.money(first, 4)}/h, {render.money(most, 4)} at most"


def _lease(request: UpRequest) -> str:
    limits = request.limits
    length = render.duration(limits.lease_s)
    words = (
        f"{length}, then it is removed by cloudgpu watch, or gc --destroy"
        if limits.ends_by_itself
        else f"{length}; it is not removed by itself: cloudgpu down {request.name}"
    )
    idle = limits.idle_stop_s
    words += f"; also after {render.duration(idle)} without work" if idle else ""
    dead = limits.dead_man_s
    return words + (f"; a timer inside ends it {render.duration(dead)} after its start" if dead else "")


def _per_hour(stops: Sequence[Stop]) -> str:
    first = stops[0].request.rentals[0]
    gpu, disk = render.money(first.gpu_usd_per_hour, 4), render.money(first.disk_usd_per_hour, 4)
    cap = render.money(_most_usd_per_hour(stops), 4)
    return (
        f"{render.money(first.usd_per_hour, 4)} (GPU {gpu}, disk {disk}, {first.launch.disk_gb} GB); "
        f"never above {cap}, whatever it falls back to"
    )


def show_standing(standing: Deployment | None) -> None:
    """What an interrupted run rented already: it is gone on with, and only if it fails another is rented."""
    if standing is None or standing.state.is_final or standing.instance_id is None:
        return
    render.warning(
        f"An earlier run rented {standing.cards} already, instance {standing.instance_id}, at"
        f" {render.money(standing.usd_per_hour, 4)}/h: this goes on with it, and rents the above only if it fails."
    )
