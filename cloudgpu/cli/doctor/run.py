"""The checks of `cloudgpu doctor`, each a sentence with a verdict; one that fails keeps no other from being made."""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

from cloudgpu.accounting.words import lasts_words
from cloudgpu.base.errors import CleanupFailedError, CloudgpuError, UnwritableStoreError
from cloudgpu.base.money import ZERO
from cloudgpu.base.secret import Secret
from cloudgpu.base.settings import Setting
from cloudgpu.cli import render
from cloudgpu.cli.deployment_view import trouble
from cloudgpu.cli.doctor.alerts import alert_checks
from cloudgpu.cli.doctor.check import Check, Verdict
from cloudgpu.cli.doctor.docker import docker_checks
from cloudgpu.cli.forgotten_world import forgotten, is_forgotten
from cloudgpu.cli.left_behind import left_behind
from cloudgpu.cli.session import EMULATED, OWN, Session
from cloudgpu.moving.gateway.desk import gateway_of
from cloudgpu.running.deployment import is_left_behind
from cloudgpu.running.providers.base import Headroom, Provider
from cloudgpu.running.records import Deployment

_MOST_SKEW_S = 60
_FEW_HOURS = Decimal(24)


def examine(session: Session) -> list[Check]:
    """Every check, in the order in which they are read. Calls the network; changes nothing but a lock it gives back."""
    read: list[Deployment] = []
    checks = list(_guarded("journal", lambda: _journal(session, read)))
    known = checks[0].verdict is Verdict.OK or session.stands_on_copy
    alive = read if known else None  # None: nobody knows what is rented
    for name, key in (("vast", session.settings.vast_key), ("runpod", session.settings.runpod_key)):
        checks += _guarded(name, lambda name=name, key=key: _provider(session, name, key, alive))  # type: ignore[misc]
    checks += _guarded(OWN, lambda: docker_checks(session, alive))
    checks += _guarded("Hugging Face", lambda: _hub(session.settings.hf_token))
    checks += _guarded("emulator", lambda: _emulator(session, alive))
    checks += _guarded("gateways", lambda: _gateways(session))
    checks += _guarded("alerts", lambda: alert_checks(session)) if alive is not None else ()
    return [*checks, *_bills(session, alive)]


def worst_status(checks: Sequence[Check]) -> int:
    """The exit status of the worst that is wrong."""
    return max((each.exit_status for each in checks), default=0)


def _guarded(about: str, look: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    try:
        yield from look()
    except CloudgpuError as error:
        yield Check(
            about=about, verdict=Verdict.WRONG, text=error.message, hint=error.hint, exit_status=error.exit_status
        )
    except OSError as error:  # a folder that is full or may not be written
        yield Check(about=about, verdict=Verdict.WRONG, text=f"cannot be looked at: {error}", exit_status=1)


def _journal(session: Session, alive: list[Deployment]) -> Iterator[Check]:
    setting = session.settings.store_url
    try:
        with session.store.lock("doctor", "doctor"):  # a row written and taken away again
            alive += session.store.deployments()
    except UnwritableStoreError:
        if session.read_for_the_last_time():
            alive += session.store.deployments()
        raise
    store = session.store
    facts = {"kind": store.kind, "layout": store.layout, "origin": setting.origin}
    text = f"{store.kind}, layout {store.layout}, readable and writable ({setting.origin})"
    yield Check(about="journal", verdict=Verdict.OK, text=text, facts=facts)


def _provider(
    session: Session, name: str, key: Setting[Secret] | None, alive: Sequence[Deployment] | None
) -> Iterator[Check]:
    mine = None if alive is None else [each for each in alive if each.provider == name]
    if key is None:
        lost = f", and {len(mine)} of yours are there: nobody can look after them" if mine else ""
        verdict = Verdict.WRONG if mine else Verdict.ABSENT
        yield Check(about=name, verdict=verdict, text=f"no key{lost}", exit_status=4 if mine else 0)
        return
    provider = session.provider(name)
    account = provider.account()
    text = f"the key from {key.origin} is accepted (account {account})"
    yield Check(about=name, verdict=Verdict.OK, text=text, facts={"origin": key.origin, "account": account})
    yield from _standing(name, provider, mine)


def _standing(name: str, provider: Provider, mine: Sequence[Deployment] | None) -> Iterator[Check]:
    """Balance, clock, limits and proposed prices, as the provider tells them."""
    yield from _guarded(name, lambda: _balance(name, provider, mine))
    yield from _guarded(name, lambda: _proposals(name, provider))
    headroom = provider.headroom()
    yield from _clock(name, headroom)
    yield _limits(name, headroom)


def _balance(name: str, provider: Provider, mine: Sequence[Deployment] | None) -> Iterator[Check]:
    left = provider.balance_usd()
    burn = sum((each.usd_per_hour_now for each in mine or ()), ZERO)
    hours = left / burn if burn else None
    idle = "" if mine is None else ", nothing runs"
    text = f"{render.money(left)} left" + (
        f", {lasts_words(hours)} of what runs now ({render.money(burn, 4)}/h)" if hours is not None else idle
    )
    few = left <= 0 or (hours is not None and hours < _FEW_HOURS)
    yield Check(
        about=name, verdict=Verdict.ATTENTION if few else Verdict.OK, text=text,
        hint="what runs is stopped, or removed, when it is used up" if few else None,
        facts={"balance_usd": left, "usd_per_hour": burn, "hours_left": hours},
    )  # fmt: skip


def _proposals(name: str, provider: Provider) -> Iterator[Check]:
    for each in provider.price_proposals():
        asked = f"{render.money(each.asked_usd_per_hour, 4)}/h" if each.asked_usd_per_hour else "more"
        text = f"the host of instance {each.instance_id} asks for {asked}"
        yield Check(about=name, verdict=Verdict.ATTENTION, text=text, hint="nothing here accepts it: see the console")


def _clock(name: str, headroom: Headroom) -> Iterator[Check]:
    ahead_s = headroom.clock_ahead_s
    if ahead_s is None:
        return
    off = abs(ahead_s) > _MOST_SKEW_S
    side = "behind" if ahead_s > 0 else "ahead of"
    text = (
        f"this machine's clock is {abs(ahead_s):.0f} s {side} the provider's" if abs(ahead_s) >= 1 else "clocks agree"
    )
    yield Check(
        about=name, verdict=Verdict.ATTENTION if off else Verdict.OK, text=text,
        hint="set it right: leases and proofs count on it" if off else None, facts={"clock_ahead_s": ahead_s},
    )  # fmt: skip


def _limits(name: str, headroom: Headroom) -> Check:
    windows = [
        {"name": each.name, "left": each.left, "limit": each.limit, "opens_in_s": each.opens_in_s}
        for each in headroom.windows
    ]
    stated = ", ".join(f"{each.left} of {each.limit or '?'} calls left ({each.name})" for each in headroom.windows)
    tight = any(each.left == 0 for each in headroom.windows)
    told = f"rate limits: {stated}" if stated else "states no rate limits; our own distances hold"
    lately = headroom.last_minute
    return Check(
        about=name, verdict=Verdict.ATTENTION if tight else Verdict.OK,
        text=told if lately is None else f"{told}; {lately} calls in the last minute by all commands here",
        facts={"windows": windows, "calls": dict(headroom.calls), "last_minute": lately},
    )  # fmt: skip


def _hub(token: Setting[Secret] | None) -> Iterator[Check]:
    if token is None:
        yield Check(about="Hugging Face", verdict=Verdict.ABSENT, text="no token: gated models cannot be fetched")
    else:
        text = f"a token from {token.origin} (sent to a machine only with --send-hf-token)"
        yield Check(about="Hugging Face", verdict=Verdict.OK, text=text, facts={"origin": token.origin})


def _emulator(session: Session, alive: Sequence[Deployment] | None) -> Iterator[Check]:
    from cloudgpu.emulator import process  # what rents for real needs none of it

    status = session.emulator_status()
    mine = [
        each for each in alive or ()
        if each.provider in EMULATED and not is_forgotten(session, each.provider, each.account)
    ]  # fmt: skip
    if status is None:
        yield Check(about="emulator", verdict=Verdict.ABSENT, text="never started")
    elif process.is_alive(status):
        yield Check(about="emulator", verdict=Verdict.OK, text=f"runs at {status.url}", facts={"url": status.url})
        for name in sorted({each.provider for each in mine}):
            yield from _standing(name, session.provider(name), [each for each in mine if each.provider == name])
    else:
        verdict = Verdict.ATTENTION if mine else Verdict.ABSENT
        yield Check(about="emulator", verdict=verdict, text="does not run", hint="cloudgpu emulator start")


def _gateways(session: Session) -> Iterator[Check]:
    for service in session.store.services():
        known = gateway_of(session.settings.state_dir, service.name)
        if known is None:
            continue
        gateway, route = known
        answers = gateway.reading() is not None
        yield Check(
            about=f"gateway of {service.name}", verdict=Verdict.OK if answers else Verdict.WRONG,
            text=f"{route.kind} at {route.url} {'runs' if answers else 'does not run'}",
            hint=None if answers else f"cloudgpu gateway start {service.name}", exit_status=0 if answers else 1,
            facts={"url": route.url},
        )  # fmt: skip


def _bills(session: Session, alive: Sequence[Deployment] | None) -> Iterator[Check]:
    if alive is None:
        text = "what is rented, and bills, cannot be told without the journal"
        return (yield Check(about="bills", verdict=Verdict.WRONG, text=text, exit_status=1))
    if not alive:
        yield Check(about="bills", verdict=Verdict.OK, text="nothing is rented, as the journal has it")
    for each in alive:
        lost = forgotten(each.name) if is_forgotten(session, each.provider, each.account) else None
        if lost is None:
            yield _rented(session, each)
        else:
            yield Check(about=each.name, verdict=Verdict.ATTENTION, text=lost.message, hint=lost.hint)


def _rented(session: Session, deployment: Deployment) -> Check:
    """One deployment as the journal has it, and whether a command waits for it to answer."""
    alone = is_left_behind(deployment, session.store)
    told = [left_behind(session, deployment)] if alone else trouble([deployment])
    unsettled = deployment.state.is_unsettled or alone
    hint = "cloudgpu gc settles it" if deployment.state.is_unsettled else None
    price = f"{render.money(deployment.usd_per_hour_now, 4)}/h at {deployment.provider}"
    return Check(
        about=deployment.name, verdict=Verdict.WRONG if unsettled else Verdict.ATTENTION if told else Verdict.OK,
        text=told[0] if told else f"{deployment.state.value}, {price}", hint=hint,
        exit_status=CleanupFailedError.exit_status if unsettled else 0,
        facts={
            "state": deployment.state, "usd_per_hour": deployment.usd_per_hour_now,
            "instance_id": deployment.instance_id,
        },
    )  # fmt: skip
