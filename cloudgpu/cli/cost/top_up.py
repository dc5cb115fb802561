"""`cloudgpu cost top-up`: tell the ledger what was paid in; payments and consumption can then be laid side by side."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cloudgpu.base.events import Event


def top_up(
    usd: Annotated[str, typer.Argument(metavar="USD", help="How much was paid in; negative for a refund.")],
    provider: Annotated[str, typer.Option(help="Where: vast, runpod, emulator or emulator-runpod.")],
    at: Annotated[str | None, typer.Option(metavar="TIME", help="When (UTC); now if it is left out.")] = None,
    note: Annotated[str, typer.Option(help="An invoice number, or why.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print what was recorded as JSON.")] = False,
) -> None:
    """Record money that was paid in to a provider. It moves no money."""
    from cloudgpu.base.clock import utc_text
    from cloudgpu.base.errors import UsageError
    from cloudgpu.base.events import Event, EventKind
    from cloudgpu.base.money import exact_text, show_usd
    from cloudgpu.base.money import usd as parse_usd
    from cloudgpu.cli import render
    from cloudgpu.cli.cost.reading import day
    from cloudgpu.cli.markets import check_providers
    from cloudgpu.cli.option_values import within_reason
    from cloudgpu.cli.session import open_session

    check_providers((provider,))
    try:
        amount = parse_usd(usd.removeprefix("$"))
    except ValueError as error:
        when = f" --at {at}" if at else ""
        raise UsageError(str(error), hint=f"cloudgpu cost top-up 50 --provider {provider}{when}") from None
    moment = None if at is None else day(at, "--at", end=False)
    if not amount:
        raise UsageError("a top-up of 0 is none", hint="give the amount in dollars")
    within_reason(amount, "a top-up")
    session = open_session()
    now = session.clock(provider).now()
    if moment is not None and moment > now:
        raise UsageError(
            f"{at} is still to come at {provider}, where it is {now:%Y-%m-%d %H:%M} UTC",
            hint="record it once it was paid",
        )
    event = Event(
        kind=EventKind.TOP_UP, at=moment or now, provider=provider,
        data={"usd": exact_text(amount), "note": note},
    )  # fmt: skip
    if any((each.kind, each.at, each.provider, each.data) == _fact(event) for each in session.events()):
        back = f"cloudgpu cost top-up {exact_text(-amount)} --provider {provider} --at {utc_text(event.at)}"
        render.progress(f"The very same was recorded before. Was it one payment? Take this one back: {back}")
    session.emit(event)
    if json:
        return render.out_json({"provider": provider, "usd": amount, "at": event.at, "note": note})
    paid = f"{show_usd(amount)} paid in at" if amount > 0 else f"{show_usd(-amount)} paid back by"
    return render.text(f"Recorded: {paid} {provider}, {event.at:%Y-%m-%d %H:%M} UTC.")


def _fact(event: "Event") -> tuple[object, ...]:
    return event.kind, event.at, event.provider, event.data
