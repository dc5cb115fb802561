"""From needs to what is agreed with the user: live offers of one provider, and the request to rent them.

Shared by `up` and `migrate`. Searching calls the network; nothing here spends money.
"""

import dataclasses
import secrets
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from cloudgpu.base.errors import MissingKeyError, NotFoundError, UsageError
from cloudgpu.base.money import show_usd
from cloudgpu.base.secret import Secret
from cloudgpu.cli.markets import check_providers, has_key
from cloudgpu.cli.plan.refusal import nothing_fits
from cloudgpu.cli.plan.search import query_for
from cloudgpu.cli.session import EMULATED, KEYLESS, Session
from cloudgpu.moving.gateway.desk import gateway_of
from cloudgpu.planning.blocklist import without_blocked
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.offers.offer import OfferSource
from cloudgpu.planning.plan import Plan, make_plan
from cloudgpu.planning.plan_file import latest_plan_path, load_plan, save_plan
from cloudgpu.running.deployment import Limits, UpRequest, request_from_plan
from cloudgpu.running.records import Service
from cloudgpu.serving.asked import PLAIN, Asked

_FRESH = timedelta(minutes=10)
"""A plan on the very provider's live offers is taken as it is for so long; its prices are read again at each create."""


def saved_plan(session: Session, path: Path | None) -> Plan:
    """The plan in the file, or the latest one. Raises NotFoundError, with what to do, when there is none."""
    if path is not None:
        return load_plan(path)
    try:
        return load_plan(latest_plan_path(session.settings.state_dir))
    except NotFoundError:
        raise NotFoundError(
            "there is no model to bring up, and no plan either", hint="name a model: cloudgpu up MODEL"
        ) from None


def providers_for(session: Session, asked: Sequence[str], plan: Plan | None = None) -> tuple[str, ...]:
    """Where to rent, in order: what was asked for, else the plan's only live one, then wherever there is a key.

    Raises UsageError for one we do not know, MissingKeyError when there is no key at all: it says how to rehearse.
    """
    if asked:
        return tuple(dict.fromkeys(check_providers(asked)))
    keyed = tuple(name for name in ("vast", "runpod") if has_key(session, name))
    if plan is not None and plan.offers.source is OfferSource.LIVE and plan.candidates:
        first = plan.candidates[0].offer.provider
        return tuple(dict.fromkeys((first, *(() if first in KEYLESS else keyed))))
    if keyed:
        return keyed
    raise MissingKeyError(
        "renting needs an API key, and there is none",
        hint="set VAST_API_KEY or RUNPOD_API_KEY, or rehearse without one: add --provider emulator",
    )


def live_plan(session: Session, provider: str, plan: Plan) -> tuple[Plan, str | None]:
    """The plan on the provider's offers of this moment, and what changed in price against the one given.

    A plan on reference or file offers cannot be rented, so its needs are searched again. None: nothing to say, the plan
    was on these very offers. Raises NothingFitsError, and whatever the provider raises.
    """
    if provider in EMULATED:
        session.ensure_emulator()
    opened, now = session.provider(provider), session.clock(provider).now()
    if _is_fresh(plan, provider, now - plan.created_at):
        return plan, None
    needs = dataclasses.replace(plan.needs, providers=(provider,))
    market = without_blocked(opened.search(query_for(needs)), session.settings.state_dir, now)
    made = make_plan(needs, market, now)
    if not made.candidates:
        raise nothing_fits(made)
    save_plan(made, session.settings.state_dir / "plans" / f"{made.plan_id}.json")
    return made, _change(plan, made)


def new_plan(session: Session, provider: str, needs: Needs) -> Plan:
    """A plan for these needs on the provider's live offers, kept as the latest one. Raises as `live_plan` does."""
    if provider in EMULATED:
        session.ensure_emulator()
    needs = dataclasses.replace(needs, providers=(provider,))
    now = session.clock(provider).now()
    found = session.provider(provider).search(query_for(needs))
    made = make_plan(needs, without_blocked(found, session.settings.state_dir, now), now)
    if not made.candidates:
        raise nothing_fits(made)
    save_plan(made, latest_plan_path(session.settings.state_dir))
    return made


def service_of(session: Session, name: str) -> Service:
    """The service of that name, made with a key of its own when there is none. The key is kept in the journal."""
    made = Service(name=name, api_key=new_key(), serving=None)
    return session.store.service(name) or session.store.first_service(made)


def new_key() -> Secret:
    """A key that nobody holds yet."""
    return Secret(f"sk-cloudgpu-{secrets.token_urlsafe(24)}")


def request_of(
    session: Session, plan: Plan, *, name: str, service: str, limits: Limits, send_hf_token: bool = False,
    asked: Asked = PLAIN, own_key: bool = False,
) -> UpRequest:  # fmt: skip
    """What may be rented for this plan under that name, for that service. Raises MissingKeyError without HF_TOKEN.

    With `own_key`, and always behind a gateway, the machine gets a key that no other machine knows; else the service's.
    """
    token = session.settings.hf_token if send_hf_token else None
    if send_hf_token and token is None:
        raise MissingKeyError("there is no Hugging Face token to send", hint="set HF_TOKEN, or run: hf auth login")
    known = service_of(session, service)
    request = request_from_plan(
        plan,
        name=name,
        service=service,
        api_key=new_key() if own_key or gateway_of(session.settings.state_dir, service) else known.api_key,
        limits=limits,
        hf_token=token.value if token else None,
        asked=asked,
    )
    _check_spend(request)
    return request


def _check_spend(request: UpRequest) -> None:
    """Raise UsageError when the limit on spending cannot even pay for the download of the first choice."""
    most, first = request.limits.max_spend_usd, request.rentals[0]
    if most is not None and most <= first.download_usd:
        raise UsageError(
            f"--max-spend {show_usd(most, 4)} does not pay for the download alone, {show_usd(first.download_usd, 4)}",
            hint="allow more; nothing was rented",
        )


def limits_of(
    plan: Plan, *, max_price: Decimal | None, max_wait_minutes: float | None, max_attempts: int,
    max_spend: Decimal | None,
) -> Limits:  # fmt: skip
    """The limits out of what stands on the command line; the lease is the plan's hours."""
    return Limits(
        max_attempts=max_attempts,
        max_wait_s=None if max_wait_minutes is None else max_wait_minutes * 60,
        max_spend_usd=max_spend,
        max_usd_per_hour=max_price if max_price is not None else plan.needs.max_usd_per_hour,
        lease_s=float(plan.needs.hours) * 3600,
    )


def _is_fresh(plan: Plan, provider: str, age: timedelta) -> bool:
    live = plan.offers.source is OfferSource.LIVE and timedelta(0) <= age <= _FRESH
    cap = plan.needs.max_usd_per_hour
    return (
        live
        and bool(plan.candidates)
        and all(
            each.offer.provider == provider and (cap is None or each.total_usd_per_hour <= cap)
            for each in plan.candidates
        )
    )


def _change(plan: Plan, made: Plan) -> str | None:
    from cloudgpu.cli.render import money

    if not plan.candidates:
        return None
    before, after = plan.candidates[0].total_usd_per_hour, made.candidates[0].total_usd_per_hour
    where = {OfferSource.REFERENCE: "reference prices", OfferSource.FILE: "offers from a file"}
    source = where.get(plan.offers.source, "older live offers")
    share = (after - before) / before * 100 if before else Decimal(0)
    return (
        f"The plan {plan.plan_id} was made on {source}; searched again at {made.candidates[0].offer.provider}: "
        f"the cheapest that fits costs {money(after, 4)}/h, was {money(before, 4)}/h ({share:+.0f} %)."
    )
