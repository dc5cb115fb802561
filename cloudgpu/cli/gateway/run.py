"""The runs of `cloudgpu gateway`."""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from cloudgpu.base.errors import BadFileError, ConflictError, NotFoundError, UsageError
from cloudgpu.base.secret import Secret
from cloudgpu.cli import render
from cloudgpu.cli.agreement import new_key
from cloudgpu.cli.gateway.needed import check_not_needed
from cloudgpu.cli.gateway.view import as_json as as_json_of
from cloudgpu.cli.gateway.view import show_gateway, show_started
from cloudgpu.cli.session import Session, open_session
from cloudgpu.moving.entrance import DirectEntrance, Shares, entrance_of
from cloudgpu.moving.gateway.base import Gateway
from cloudgpu.moving.gateway.desk import gateway_of, open_gateway
from cloudgpu.moving.gateway.port import is_free
from cloudgpu.moving.gateway.route import GatewayKind, Route, gateway_folder
from cloudgpu.running.deployment.observe import lock_name
from cloudgpu.running.records import Deployment, DeploymentState, Service

_FIRST_PORT = 8400
_PORTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The command line of `gateway start`; None for what was not said."""

    service: str | None
    kind: str | None
    port: int | None
    host: str | None
    certificate: str | None
    as_json: bool


def start_gateway(wish: Wish) -> None:
    """Start it, or start it again. Raises PortInUseError, CloudgpuError when the proxy is not installed."""
    session = open_session()
    service = _meant(session, wish.service)
    with _held(session, service, "start"):
        known = gateway_of(session.settings.state_dir, service.name)
        route = _wanted(session, service, wish, known[1] if known else None)
        if known is not None and known[1].kind is not route.kind:
            raise ConflictError(
                f"{service.name} has a gateway of another kind, {known[1].kind}",
                hint=f"cloudgpu gateway stop {service.name} first",
            )
        if known is None:
            _first_start(session, service, route)
        else:
            open_gateway(route.kind, _folder(session, service.name)).apply(route)
            _publish(session, service.name)
    _, (gateway, started) = _existing(session, service.name)
    if started.is_in_the_clear:
        render.alarm(
            f"{started.host} is heard by the network, without TLS: the key and every request can be read on the way. "
            "Serve HTTPS: --certificate PEM"
        )
    if wish.as_json:
        render.out_json({"gateways": [as_json_of(started, gateway.reading())]})
    else:
        show_started(session, started)


def stop_gateway(which: str | None, *, as_json: bool) -> None:
    """Stop it and lead clients to the deployment in charge. Raises ConflictError while a migration needs it."""
    session = open_session()
    name, (gateway, route) = _existing(session, which)
    with _held(session, _service(session, name), "stop"):
        check_not_needed(session, name)
        in_charge = _in_charge(session, _service(session, name))
        if in_charge is not None:
            direct = DirectEntrance(
                service=_service(session, name), store=session.store, state_dir=session.settings.state_dir
            )
            direct.share(Shares(in_charge=in_charge))
        gateway.stop()
        shutil.rmtree(_folder(session, name))
    if as_json:
        return render.out_json({"service": name, "stopped": True})
    render.text(f"The gateway of {name} at {route.url} is gone; what it was answering is finished.")
    if in_charge is None:
        return render.text(f"Nothing serves {name}.")
    return render.text(f"Clients go to {in_charge.name} directly: the address files say where, and with which key.")


def show_status(which: str | None, *, as_json: bool) -> None:
    """All gateways, or one. Exits with 1 when one does not run."""
    session = open_session()
    found = [_existing(session, which)] if which else list(_all(session))
    read = [(route, gateway.reading()) for _, (gateway, route) in found]
    if as_json:
        render.out_json({"gateways": [as_json_of(route, reading) for route, reading in read]})
    elif not read:
        render.text("No service has a gateway. Start one: cloudgpu gateway start SERVICE")
    else:
        for route, reading in read:
            show_gateway(route, reading)
    if any(reading is None for _, reading in read):
        raise typer.Exit(1)


def show_config(which: str | None, *, as_json: bool) -> None:
    """What the proxy is told."""
    session = open_session()
    name, (gateway, route) = _existing(session, which)
    text = gateway.config()
    if as_json:
        return render.out_json({"service": name, "kind": route.kind, "config": text})
    for line in text.splitlines():
        render.shell(line)
    return None


@contextlib.contextmanager
def _held(session: Session, service: Service, doing: str) -> Iterator[None]:
    with session.store.lock(f"service:{service.name}", f"gateway {doing} of {service.name}"):
        yield


def _wanted(session: Session, service: Service, wish: Wish, known: Route | None) -> Route:
    kind = _kind(wish.kind) if wish.kind else (known.kind if known else GatewayKind.HAPROXY)
    certificate = str(_readable(wish.certificate)) if wish.certificate else (known.certificate if known else None)
    host = wish.host or (known.host if known else "127.0.0.1")
    port = wish.port or (known.port if known else _free_port(session, host))
    if known is not None:
        return replace(known, kind=kind, host=host, port=port, certificate=certificate)
    return Route(
        service=service.name, kind=kind, host=host, port=port, client_key=service.api_key, certificate=certificate
    )


def _first_start(session: Session, service: Service, route: Route) -> None:
    """Clients get a key that is on no rented machine; the engine keeps the one it was started with."""
    in_charge = _in_charge(session, service)
    if in_charge is None:
        raise ConflictError(
            f"nothing serves {service.name}, so there is nothing to put a gateway in front of",
            hint="see: cloudgpu status",
        )
    lives = [each for each in session.store.deployments(include_gone=True) if each.service == service.name]
    if service.api_key in {each.api_key or service.api_key for each in lives}:
        for each in lives:
            _keep_key(session, each, service.api_key)
        service = Service(name=service.name, api_key=new_key(), serving=in_charge.name)
    session.store.save_service(service)  # until the files say otherwise, clients use the engine's own key, which stays
    gateway = open_gateway(route.kind, _folder(session, service.name))
    gateway.apply(replace(route, client_key=service.api_key))
    _publish(session, service.name)


def _keep_key(session: Session, life: Deployment, key: Secret) -> None:
    """Write the key that the engine was started with beside the engine itself, as it stands in the journal now."""
    with session.store.lock(lock_name(life.name), "gateway start"):
        now = session.store.life(life.token)
        if now is not None and now.api_key is None:
            session.store.save_deployment(replace(now, api_key=key))


def _publish(session: Session, name: str) -> None:
    """Lead the requests as before, and write down where clients come in.

    A migration keeps the shares that it has given; a gateway that leads nowhere yet begins with the side in charge.
    """
    in_charge = _in_charge(session, _service(session, name))
    leads = any(each.weight for each in _existing(session, name)[1][1].upstreams)
    if in_charge is not None and not (leads and session.store.open_migration(name)):
        entrance_of(name, session.store, session.settings.state_dir).share(Shares(in_charge=in_charge))


def _in_charge(session: Session, service: Service) -> Deployment | None:
    """The deployment that serves it, ready to be led to."""
    names = [service.serving] if service.serving else [each.name for each in session.store.deployments()]
    lives = [session.store.deployment(name) for name in names]
    ready = [each for each in lives if each and each.service == service.name and each.state is DeploymentState.READY]
    return ready[0] if ready else None


def _meant(session: Session, name: str | None) -> Service:
    if name is not None:
        return _service(session, name)
    alive = {each.service for each in session.store.deployments()}
    found = [each for each in session.store.services() if each.name in alive]
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotFoundError("no service is alive", hint="bring one up first: cloudgpu up MODEL")
    raise UsageError(f"several services are alive: {', '.join(each.name for each in found)}", hint="name one of them")


def _service(session: Session, name: str) -> Service:
    found = session.store.service(name)
    if found is None:
        known = ", ".join(each.name for each in session.store.services())
        raise NotFoundError(f"there is no service {name}", hint=f"known: {known}" if known else "cloudgpu up MODEL")
    return found


def _all(session: Session) -> Iterator[tuple[str, tuple[Gateway, Route]]]:
    for service in session.store.services():
        found = gateway_of(session.settings.state_dir, service.name)
        if found is not None:
            yield service.name, found


def _existing(session: Session, which: str | None) -> tuple[str, tuple[Gateway, Route]]:
    found = [each for each in _all(session) if which in (None, each[0])]
    if not found:
        name = which or "SERVICE"
        raise NotFoundError(
            f"{which} has no gateway" if which else "no service has a gateway",
            hint=f"cloudgpu gateway start {name}",
        )
    if len(found) > 1:
        raise UsageError(f"several services have one: {', '.join(each[0] for each in found)}", hint="name one of them")
    return found[0]


def _folder(session: Session, service: str) -> Path:
    return gateway_folder(session.settings.state_dir, service)


def _kind(text: str) -> GatewayKind:
    try:
        return GatewayKind(text.lower())
    except ValueError:
        known = ", ".join(each.value for each in GatewayKind)
        raise UsageError(f"there is no gateway {text!r}", hint=f"there is {known}") from None


def _readable(path: str) -> Path:
    found = Path(path).expanduser().resolve()
    try:
        text = found.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFileError(f"the certificate {path} cannot be read", hint=str(error)) from error
    if "BEGIN CERTIFICATE" not in text or "PRIVATE KEY" not in text:
        raise BadFileError(f"{path} does not hold both a certificate and its key", hint="cat cert key > both.pem")
    return found


def _free_port(session: Session, host: str) -> int:
    """The first from 8400 that no other gateway of ours has and nobody listens on."""
    taken = {route.port for _, (_, route) in _all(session)}
    for port in range(_FIRST_PORT, _FIRST_PORT + _PORTS):
        if port not in taken and is_free(host, port):
            return port
    raise UsageError(f"no port from {_FIRST_PORT} on is free on {host}", hint="choose one: --port N")
