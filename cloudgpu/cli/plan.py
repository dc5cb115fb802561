"""`cloudgpu plan`: which card a model needs, and the cheapest offers that really fit."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cloudgpu.cli.plan_needs import (
    Adapter,
    AdapterRank,
    Concurrency,
    Context,
    Disk,
    EngineVersion,
    Gpu,
    Gpus,
    KvCacheDtype,
    MinReliability,
    Quantization,
    Region,
    RopeScalingFactor,
    Unverified,
    needs_of,
)

if TYPE_CHECKING:
    from datetime import datetime

    from cloudgpu.cli.markets import Reach
    from cloudgpu.planning.needs import Needs
    from cloudgpu.planning.offers import Market
    from cloudgpu.planning.plan import Plan
    from cloudgpu.planning.spot import Spot
    from cloudgpu.running.providers.base import OfferQuery
    from cloudgpu.running.records import Deployment

    SpotAnswer = tuple[Spot | None]


_MOST_REASONS = 3


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command("plan")(plan)


def plan(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Alias, Hugging Face id, folder or config.json.")],
    context: Context = None,
    concurrency: Concurrency = 1,
    quantization: Quantization = None,
    kv_cache_dtype: KvCacheDtype = "auto",
    rope_scaling_factor: RopeScalingFactor = None,
    adapter: Adapter = None,
    adapter_rank: AdapterRank = None,
    engine: Annotated[str, typer.Option(help="Inference engine.")] = "vllm",
    engine_version: EngineVersion = None,
    provider: Annotated[
        list[str] | None,
        typer.Option(help="vast, runpod, emulator or emulator-runpod; repeatable. Default: those with a key."),
    ] = None,
    gpu: Gpu = None,
    gpus: Gpus = None,
    max_price: Annotated[str | None, typer.Option(metavar="USD", help="Most dollars per hour, disk included.")] = None,
    objective: Annotated[
        str, typer.Option(metavar="WHAT", help="Rank by price, cost-per-token, time-to-ready or reliability.")
    ] = "price",
    max_wait: Annotated[
        float | None, typer.Option(min=1, metavar="MINUTES", help="Longest time until it answers, with caution.")
    ] = None,
    weights_cached: Annotated[
        bool, typer.Option("--weights-cached", help="Image and weights lie on the host already.")
    ] = False,
    min_tokens_per_s: Annotated[
        float | None, typer.Option(min=0, metavar="RATE", help="Output tokens a second at the concurrency, at least.")
    ] = None,
    prompt_tokens: Annotated[int | None, typer.Option(min=1, help="Prompt to judge speed by; default 1024.")] = None,
    output_tokens: Annotated[int | None, typer.Option(min=1, help="Answer to judge speed by; default 256.")] = None,
    region: Region = None,
    min_reliability: MinReliability = 0.9,
    unverified: Unverified = False,
    hours: Annotated[
        str, typer.Option(metavar="HOURS", help="How long it will run: the download is spread over it.")
    ] = "24",
    disk: Disk = None,
    offers: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Offers from a file instead of a provider.")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Ask the markets without a key too, for what they show to anybody.")
    ] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Ask nobody: plan on the reference prices.")] = False,
    spot: Annotated[bool, typer.Option("--spot", help="What a bid would save, and an interruption cost.")] = False,
    migrate_from: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The deployment it shall replace: both bill until it is given up."),
    ] = None,
    rollback_window: Annotated[
        float, typer.Option(min=0, metavar="MINUTES", help="With --migrate-from: how long a way back is kept.")
    ] = 60.0,
    explain: Annotated[
        str | None, typer.Option(metavar="OFFER_ID", help="The whole story of one offer, instead of a plan.")
    ] = None,
    why_not: Annotated[
        str | None, typer.Option(metavar="GPU", help="The whole story of one card, instead of a plan.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Save the plan there as well.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many offers are shown.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="The whole plan as JSON.")] = False,
) -> None:
    """Show what a model needs, and the cheapest offers that fit, with every cost in the price.

    Without keys it works on reference prices, without network. The plan is kept for `up` and `migrate`.
    """
    from cloudgpu.cli.markets import reach_of  # imported when the command runs: `--help` stays fast

    old = None if migrate_from is None else _old_side(migrate_from)
    needs = needs_of(
        model, context=context, concurrency=concurrency, quantization=quantization, kv_cache_dtype=kv_cache_dtype,
        rope_scaling_factor=rope_scaling_factor, adapter=adapter, adapter_rank=adapter_rank, engine=engine,
        engine_version=engine_version, provider=provider or _emulated(old), gpu=gpu, gpus=gpus, max_price=max_price,
        objective=objective, max_wait=max_wait, weights_cached=weights_cached, min_tokens_per_s=min_tokens_per_s,
        prompt_tokens=prompt_tokens, output_tokens=output_tokens, region=region, min_reliability=min_reliability,
        unverified=unverified, hours=hours, disk=disk,
        old_usd_per_hour=None if old is None else old.usd_per_hour,
        rollback_window=0.0 if old is None else rollback_window,
    )  # fmt: skip
    market, now = market_for(needs, offers, reach_of(live=live, offline=offline))
    if explain is not None or why_not is not None:
        return _tell(needs, market, explain, why_not, as_json=as_json)
    made = plan_on(needs, market, now)
    return show_plan(made, out=out, limit=limit, as_json=as_json, spot=_spot(made, market) if spot else None)


def _old_side(name: str) -> "Deployment":
    """The deployment of that name, as the journal has it. Raises NotFoundError when nothing of that name bills."""
    from cloudgpu.base.errors import NotFoundError
    from cloudgpu.cli.session import open_session  # the journal is opened only for this

    found = open_session().store.deployment(name)
    if found is None or found.state.is_final:
        raise NotFoundError(f"no deployment named {name!r} runs", hint="see: cloudgpu status")
    return found


def _emulated(old: "Deployment | None") -> tuple[str, ...]:
    """What runs at the emulator is replaced there; else whoever has a key is asked."""
    from cloudgpu.cli.session import EMULATED

    return (old.provider,) if old is not None and old.provider in EMULATED else ()


def market_for(
    needs: "Needs", offers_file: Path | None = None, reach: "Reach | None" = None
) -> "tuple[Market, datetime]":
    """A file's offers, live ones, or the reference figures, and the time by which they are dated.

    `reach` None asks the providers that there is a key for.
    """
    from cloudgpu.cli.markets import Reach, gather, market_time
    from cloudgpu.cli.session import open_session

    session = open_session()
    now = market_time(session, needs.providers)
    market = gather(session, needs.providers, offers_file, lambda: queries_for(needs), reach or Reach.KEYED)
    return market, max(now, market.fetched_at)


def plan_on(needs: "Needs", market: "Market", now: "datetime") -> "Plan":
    """The plan for these needs on this market; kept as the latest plan when something fits."""
    from cloudgpu.cli.session import open_session
    from cloudgpu.planning.plan import make_plan
    from cloudgpu.planning.plan_file import latest_plan_path, save_plan

    made = make_plan(needs, market, now)
    if made.candidates:
        save_plan(made, latest_plan_path(open_session().settings.state_dir))
    return made


def _tell(needs: "Needs", market: "Market", offer_id: str | None, gpu: str | None, *, as_json: bool) -> None:
    """The story of one offer, of one card, or of both."""
    from cloudgpu.cli.plan_story import render_card_story, render_offer_story
    from cloudgpu.cli.render import out_json
    from cloudgpu.planning.story import story_of_card, story_of_offer

    of_offer = None if offer_id is None else story_of_offer(needs, market, offer_id)
    of_card = None if gpu is None else story_of_card(needs, market, gpu)
    if as_json:
        told = {"explain": of_offer and of_offer.as_json(), "why_not": of_card and of_card.as_json()}
        return out_json({name: story for name, story in told.items() if story})
    if of_offer:
        render_offer_story(needs, of_offer)
    if of_card:
        render_card_story(needs, of_card)
    return None


def _spot(made: "Plan", market: "Market") -> "SpotAnswer":
    from cloudgpu.planning.spot import spot_of

    cheapest = min(made.candidates, key=lambda candidate: candidate.usd_total, default=None)
    return (spot_of(made.needs, market, cheapest),)


def show_plan(plan: "Plan", *, out: Path | None, limit: int, as_json: bool, spot: "SpotAnswer | None" = None) -> None:
    """Save it where asked and show it, `spot` beside it unless that was not asked for.

    Raises NothingFitsError, after the refusals, when it has no candidate.
    """
    from cloudgpu.planning.plan_file import save_plan

    if out is not None and plan.candidates:
        save_plan(plan, out)
    if as_json:
        from cloudgpu.cli.render import out_json

        if plan.candidates:
            more = {} if spot is None else {"spot": spot[0].as_json() if spot[0] else None}
            return out_json({**plan.as_json(), **more})
    else:
        from cloudgpu.cli.plan_view import render_plan

        render_plan(plan, limit)
        if spot is not None:
            from cloudgpu.cli.plan_story import render_spot

            render_spot(plan.needs, spot[0])
    if not plan.candidates:
        raise nothing_fits(plan)
    return None


def queries_for(needs: "Needs") -> "list[OfferQuery]":
    """The search for these needs, and one for the lightest quantised form, which smaller cards hold: what it saves."""
    from cloudgpu.planning.savings import lighter_forms

    lightest = [query_for(lighter) for lighter in lighter_forms(needs)]
    return [query_for(needs), *sorted(lightest, key=lambda query: query.min_total_memory_mib or 0)[:1]]


def query_for(needs: "Needs") -> "OfferQuery":
    """What a live provider is asked to leave out; the planner checks every offer again.

    The price cap is not among it: answers come cheapest first, and what is too dear is to be counted and named.
    """
    from cloudgpu.planning.requirements import requirements_of
    from cloudgpu.running.providers.base import OfferQuery

    checkpoint = needs.model.checkpoint(needs.options.quantization)
    required = requirements_of(needs, checkpoint)
    return OfferQuery(
        disk_gb=required.disk_gb,
        min_total_memory_mib=required.least_memory_mib,
        gpu_names=(needs.gpu,) if needs.gpu else None,
        gpu_counts=(needs.gpu_count,) if needs.gpu_count else None,
        min_reliability=needs.min_reliability or None,
        verified_only=needs.verified_only,
        regions=needs.regions,
    )


def nothing_fits(plan: "Plan") -> Exception:
    """The error for a plan without a candidate: how many were refused, and what came nearest."""
    from cloudgpu.base.errors import NothingFitsError
    from cloudgpu.planning.plan import nearest_miss
    from cloudgpu.planning.reason import LABELS

    miss = nearest_miss(plan)
    most = list(plan.rejected_by_reason.items())[:_MOST_REASONS]
    counted = ", ".join(f"{LABELS.get(code, code)} ({count})" for code, count in most)
    of = "the one offer does not fit" if plan.offers.count == 1 else f"none of {plan.offers.count} offers fits"
    message = f"{of} {plan.needs.model.model_id}" + (f": {counted}" if most else "")
    if not plan.offers.count:
        message = f"there is no offer for {plan.needs.model.model_id} on this market"
    if miss is None:
        return NothingFitsError(message, hint=_hint_for_an_empty_market(plan.needs))
    if plan.savings:
        form = plan.savings[0]
        return NothingFitsError(message, hint=f"it fits quantised: add --quantization {form.quantization}")
    lacks = "; ".join(reason.detail for reason in miss.reasons)
    return NothingFitsError(message, hint=f"nearest miss, {miss.gpu_count}x {miss.gpu} at {miss.provider}: {lacks}")


def _hint_for_an_empty_market(needs: "Needs") -> str:
    """What was sent to the provider's own search besides what the model needs, so that it may have left nothing."""
    from cloudgpu.planning.needs import DEFAULT_MIN_RELIABILITY

    asked = {
        "--gpu": needs.gpu, "--gpus": needs.gpu_count, "--region": needs.regions, "--disk": needs.disk_gb,
        "--min-reliability": needs.min_reliability > DEFAULT_MIN_RELIABILITY,
    }  # fmt: skip
    given = [option for option, value in asked.items() if value]
    if given:
        return f"the market has none of that kind; leave out {' or '.join(given)}"
    return "the market shows nothing large enough today; ask another one with --provider, or give --offers FILE"
