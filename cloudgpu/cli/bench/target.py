"""Which endpoint a name or an address on the command line means, and what it costs."""

import os
from dataclasses import replace
from decimal import Decimal

from cloudgpu.base.clock import Clock, ScaledClock, SystemClock
from cloudgpu.base.errors import ConflictError, MissingKeyError, UsageError
from cloudgpu.base.money import usd_from_float
from cloudgpu.base.secret import Secret
from cloudgpu.cli.session import Session
from cloudgpu.cli.the_deployment import the_deployment
from cloudgpu.moving import address
from cloudgpu.moving.bench.discovery import first_model
from cloudgpu.moving.bench.endpoint import Endpoint, Form, base_url, form_of


def endpoint_of(
    session: Session,
    given: str,
    *,
    model: str | None = None,
    form: str | None = None,
    key_env: str | None = None,
    usd_per_hour: Decimal | None = None,
) -> Endpoint:
    """The endpoint of a deployment or service by its name, or of an address. May ask the address what it serves.

    Raises NotFoundError, ConflictError for a deployment without an address, MissingKeyError for an empty variable,
    UsageError for a form that is none, and what `first_model` raises.
    """
    found = _of_address(given, model, form, key_env) if "://" in given else _of_deployment(session, given)
    return replace(
        found,
        model=model or found.model,
        form=_form(form) or found.form,
        api_key=_key(key_env) or found.api_key,
        usd_per_hour=usd_per_hour or found.usd_per_hour,
    )


def clock_of(session: Session, given: str) -> Clock:
    """The clock that a deployment's provider bills by; the machine's own for an address or a service."""
    if "://" in given or _of_service(session, given) is not None:
        return SystemClock()
    return session.clock(the_deployment(session, given).provider)


def emulated(session: Session, *given: str) -> list[str]:
    """A sentence for deployments whose market runs faster than time, so that nobody takes their speed for a card's."""
    clocks = [clock_of(session, each) for each in given]
    speeds = [clock.speed for clock in clocks if isinstance(clock, ScaledClock) and clock.speed > 1]
    if not speeds:
        return []
    words = "this is how fast the emulator is, not a card. Dollars are counted by its hours."
    return [f"Emulated, {max(speeds):g} times as fast as time passes: {words}"]


def _of_deployment(session: Session, name: str) -> Endpoint:
    service = _of_service(session, name)
    if service is not None:
        return service
    found = the_deployment(session, name)
    if found.endpoint is None:
        raise ConflictError(
            f"{name} is {found.state.value} and has no address yet", hint=f"see: cloudgpu status {name}"
        )
    return Endpoint(
        name=name, url=found.endpoint, model=found.health.model_id, api_key=session.store.key_of(found),
        usd_per_hour=_per_real_hour(found.usd_per_hour, session.clock(found.provider)), health_path=found.health.path,
    )  # fmt: skip


def _of_service(session: Session, name: str) -> Endpoint | None:
    """The address that clients of a service use, when it is called like no living deployment; None for no service."""
    deployment = session.store.deployment(name)
    if deployment is not None and not deployment.state.is_final:
        return None
    found = address.read(name, session.settings.state_dir)
    if found is None:
        return None
    return Endpoint(name=name, url=base_url(found.base_url), model=found.model, api_key=found.api_key)


def _of_address(given: str, model: str | None, form: str | None, key_env: str | None) -> Endpoint:
    url, spoken = base_url(given), _form(form) or form_of(given)
    asked = model or ("" if spoken is Form.APP else first_model(url, _key(key_env)))
    return Endpoint(name=url.partition("://")[2], url=url, model=asked, form=spoken)


def _form(given: str | None) -> Form | None:
    if given is None:
        return None
    if given not in tuple(Form):
        raise UsageError(f"{given!r} is no form of an endpoint", hint=f"one of: {', '.join(Form)}")
    return Form(given)


def _key(name: str | None) -> Secret | None:
    if name is None:
        return None
    value = os.environ.get(name, "").strip()
    if not value:
        raise MissingKeyError(f"the variable {name} holds no key", hint=f"export {name}=…")
    return Secret(value)


def _per_real_hour(usd_per_hour: Decimal, clock: Clock) -> Decimal:
    """What it costs while an hour passes here: an emulated market's hours may be shorter."""
    return usd_per_hour * usd_from_float(clock.speed) if isinstance(clock, ScaledClock) else usd_per_hour
