"""The Docker adapter: one's own machine as a provider. Nothing is rented; what it costs is its electricity."""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from cloudgpu.base.clock import Clock
from cloudgpu.base.errors import (
    BadAnswerError,
    CreateRefusedError,
    InvalidRequestError,
    NotAuthorisedError,
    OfferGoneError,
    UnreachableError,
)
from cloudgpu.base.settings import DockerSettings
from cloudgpu.planning.offers.offer import Market, Offer, OfferSource
from cloudgpu.running.providers.base import (
    BilledLine,
    Capabilities,
    Headroom,
    InstanceState,
    InstanceView,
    OfferQuery,
    PriceProposal,
)
from cloudgpu.running.providers.docker.cards import (
    Card,
    Cards,
    believed,
    cards_of,
    devices_of,
    free,
    has_runtime,
    unknown_cards,
)
from cloudgpu.running.providers.docker.container import TOKEN, Wanted, check_bind, check_hub_cache, create_on, short_id
from cloudgpu.running.providers.docker.daemon import Daemon
from cloudgpu.running.providers.docker.electricity import told, usd_per_hour
from cloudgpu.running.providers.docker.errors import (
    AlreadyThereError,
    NoContainerError,
    RefusedByDaemonError,
    refused,
)
from cloudgpu.running.providers.docker.offers import offers_of, picked
from cloudgpu.running.providers.docker.pull import fetch
from cloudgpu.running.providers.docker.views import cards_held, view_of
from cloudgpu.serving.launch import LaunchRequest

_MOST_LOG_LINES = 5000
_MOST_LOG_BYTES = 8 * 2**20
_LOG_S = 30.0
_PERHAPS_MADE = (AlreadyThereError, RefusedByDaemonError, BadAnswerError, UnreachableError, NotAuthorisedError)
"""Answers to a create after which its name is looked up: an authorisation plugin may refuse the answer alone."""


@dataclass(slots=True)
class DockerProvider:
    """One Docker daemon. See `Provider` for what each method promises."""

    daemon: Daemon
    name: str
    capabilities: Capabilities

    def search(self, query: OfferQuery) -> Market:
        """See `Provider`. The cards that are free. Where nobody says which there are, the query's are believed."""
        found = self.cards(query)
        info = self.daemon.info()
        mine = free(found.cards, self._taken())
        settings = self.daemon.settings
        return Market(
            offers=offers_of(mine, settings, dict(info), self._place(info)),
            source=OfferSource.LIVE,
            origin=f"the Docker daemon at {self.daemon.place}, cards by {found.origin}",
            fetched_at=self.daemon.clock.now(),
            complete=True,
            unreadable={},
            notes=(told(found.cards, settings), *_notes(found, mine)),
        )

    def offer(self, offer: Offer, disk_gb: float) -> Offer:  # noqa: ARG002  (its disk costs nothing)
        """See `Provider`. Gone when another container of ours was given its cards meanwhile."""
        return replace(offer, gpu_usd_per_hour=usd_per_hour(self._picked(offer), self.daemon.settings))

    def prepare(self, launch: LaunchRequest, tell: Callable[[str], None]) -> None:
        """See `Provider`. Has the image pulled unless it is there."""
        check_bind(self.daemon.settings, self.daemon.machine)
        check_hub_cache(self.daemon.settings)
        fetch(self.daemon, launch.image, tell)

    def create(self, offer: Offer, launch: LaunchRequest, label: str) -> str:
        """See `Provider`. The label is the container's name: whatever becomes of the answer, there is one of it."""
        cards = self._picked(offer)
        info = self.daemon.info()
        wanted = Wanted(
            launch=launch, token=label, cards=cards, usd_per_hour=usd_per_hour(cards, self.daemon.settings),
            settings=self.daemon.settings, by_cdi=bool(devices_of(info)) and not has_runtime(info),
        )  # fmt: skip
        container_id = self._created(wanted)
        try:
            self._give_way(container_id, offer)
            self._start(container_id)
        except NotAuthorisedError as error:  # of itself it would say that nothing exists
            raise CreateRefusedError(error.message, hint=error.hint, instance_id=container_id) from error
        return container_id

    def instances(self) -> Sequence[InstanceView]:
        """See `Provider`. Every container of ours, those that ended too; other people's are none of our business."""
        views = (self.instance(str(row["Id"])) for row in self._rows())
        return [view for view in views if view is not None]

    def instance(self, instance_id: str) -> InstanceView | None:
        """See `Provider`."""
        try:
            row = self.daemon.ask("inspect", lambda client: client.inspect_container(instance_id))
        except NoContainerError:
            return None
        return view_of(row, self.daemon.clock.now(), self.daemon.machine)

    def destroy(self, instance_id: str) -> bool:
        """See `Provider`. Killed and removed, its unnamed volumes too; what was downloaded stays in the cache."""
        try:
            self.daemon.ask("destroy", lambda client: client.remove_container(instance_id, v=True, force=True))
        except NoContainerError:
            return False
        except RefusedByDaemonError as error:
            if "already in progress" not in error.message:
                raise
        return True

    def logs(self, instance_id: str, tail: int) -> str:
        """See `Provider`. Both streams in the order in which they were written; the end of what is too long."""
        most = min(tail, _MOST_LOG_LINES)

        def read(client: Any) -> str:  # noqa: ANN401  (the SDK has no annotations)
            pieces = client.logs(instance_id, stdout=True, stderr=True, stream=True, follow=False, tail=most)
            return b"".join(_bounded(pieces, self.daemon.clock)).decode("utf-8", "replace")

        try:
            return self.daemon.ask("logs", read)
        except NoContainerError:
            return ""

    def bill(self, instance_id: str | None, since: datetime) -> Sequence[BilledLine]:  # noqa: ARG002
        """See `Provider`. Nobody sends one: what was metered stands."""
        return ()

    def account(self) -> str:
        """See `Provider`. The daemon's own id: another daemon's listing proves nothing."""
        named = self.daemon.info().get("ID")
        if not isinstance(named, str) or not named:
            raise BadAnswerError("the Docker daemon does not say which one it is", hint="see: docker info")
        return named.replace("/", "-")

    def balance_usd(self) -> Decimal:
        """See `Provider`. There is none."""
        raise InvalidRequestError("a machine of one's own has no account to draw on", hint="ask another provider")

    def change_bid(self, instance_id: str, usd_per_hour: Decimal) -> None:  # noqa: ARG002
        """See `Provider`."""
        raise InvalidRequestError("a machine of one's own takes no bids", hint="bid at Vast.ai: --provider vast")

    def price_proposals(self) -> Sequence[PriceProposal]:
        """See `Provider`. Nobody asks for more."""
        return ()

    def headroom(self) -> Headroom:
        """See `Provider`. A daemon limits nothing, and no distance is kept."""
        return Headroom(
            calls=dict(self.daemon.calls), least_s=dict.fromkeys(("create", "destroy", "list"), 0.0), windows=(),
            clock_ahead_s=self.daemon.clock_ahead_s,
        )  # fmt: skip

    def console_url(self, instance_id: str) -> str:
        """See `Provider`. A command: a daemon has no page."""
        remove = f"docker rm --force {instance_id}" if instance_id else f"docker ps --all --filter label={TOKEN}"
        host = self.daemon.settings.host.value
        return f"`DOCKER_HOST={host} {remove}`" if host else f"`{remove}`"

    def cards(self, query: OfferQuery | None = None) -> Cards:
        """The machine's cards; those that the query names where nobody says. Raises UsageError when nobody does."""
        known = cards_of(self.daemon.settings, is_here=self.daemon.is_here)
        if known is not None:
            return known
        if query is None or not query.gpu_names:
            raise unknown_cards()
        return believed(self.daemon.settings, query.gpu_names[0], max(query.gpu_counts or (1,)))

    def _picked(self, offer: Offer) -> tuple[Card, ...]:
        known = cards_of(self.daemon.settings, is_here=self.daemon.is_here)
        found = known or believed(self.daemon.settings, offer.gpu, offer.gpu_count)
        cards = picked(free(found.cards, self._taken()), offer.offer_id)
        if not cards:
            raise OfferGoneError(
                f"{offer.cards} is no longer free on this machine",
                hint="see what has it: cloudgpu status, docker ps --filter label=cloudgpu.gpus",
            )
        return cards

    def _created(self, wanted: Wanted) -> str:
        try:
            return self.daemon.ask("create", lambda client: create_on(client, wanted))
        except _PERHAPS_MADE as error:
            made = self._of_name(wanted.token)
            if made is not None:
                return made
            if isinstance(error, RefusedByDaemonError):
                raise refused(error, "create the container") from error
            raise

    def _of_name(self, token: str) -> str | None:
        """The id of the container of that name, when it is ours; None when the daemon clearly has none."""
        try:
            view = self.instance(token)
        except NotAuthorisedError as error:
            raise BadAnswerError(f"{error.message}; whether it exists is not told", hint=error.hint) from error
        return view.instance_id if view is not None and view.label == token else None

    def _give_way(self, container_id: str, offer: Offer) -> None:
        """Two commands may have picked a card at the same moment: what runs already keeps it, else who was first.

        The listing dates by whole seconds, so each that has one of these cards is asked for.
        """
        held = {short_id(str(row["Id"])): cards_held(row) for row in self._rows()}
        mine = held.get(container_id, frozenset())
        views = (self.instance(each) for each, cards in held.items() if cards & mine)
        first = min(filter(None, views), key=_precedence, default=None)
        if first is not None and first.instance_id != container_id:
            raise CreateRefusedError(
                f"another command took {offer.cards} a moment before", hint="see: cloudgpu status",
                instance_id=container_id,
            )  # fmt: skip

    def _start(self, container_id: str) -> None:
        """Start it. To start what runs already does nothing, so a lost answer is asked for once more."""
        with contextlib.suppress(UnreachableError):
            return self._start_once(container_id)
        return self._start_once(container_id)

    def _start_once(self, container_id: str) -> None:
        try:
            self.daemon.ask("start", lambda client: client.start(container_id))
        except RefusedByDaemonError as error:
            raise refused(error, "start the container", container_id) from error

    def _rows(self) -> list[Any]:
        def listed(client: Any) -> Any:  # noqa: ANN401  (the SDK has no annotations)
            return client.containers(all=True, filters={"label": TOKEN})

        rows = self.daemon.ask("list", listed)
        if not isinstance(rows, list) or not all(isinstance(row, dict) and row.get("Id") for row in rows):
            raise BadAnswerError("Docker: the listing is no list of containers", hint="see: docker ps --all")
        return rows

    def _taken(self) -> frozenset[str]:
        return frozenset().union(*map(cards_held, self._rows()))

    def _place(self, info: Any) -> str:  # noqa: ANN401  (the daemon's words)
        return self.daemon.machine or str(info.get("Name") or "this machine")


def open_docker(settings: DockerSettings, clock: Clock, *, name: str = "docker") -> DockerProvider:
    """The adapter for the daemon that DOCKER_HOST names. Calls no network."""
    capabilities = Capabilities(interruptible=False, console_url="docker ps --all", bills=False)
    return DockerProvider(Daemon(settings, clock), name, capabilities)


def _precedence(view: InstanceView) -> tuple[bool, datetime, str]:
    return (
        view.state is not InstanceState.RUNNING,
        view.started_at or datetime.max.replace(tzinfo=UTC),
        view.instance_id,
    )


def _notes(found: Cards, mine: Sequence[Card]) -> tuple[str, ...]:
    held = len(found.cards) - len(mine)
    believed = "The cards are believed as named: Docker does not tell them." if found.origin != "nvidia-smi" else ""
    taken = f"{held} of {len(found.cards)} cards are held by other deployments of yours." if held else ""
    return tuple(filter(None, (believed, taken)))


def _bounded(pieces: Iterable[bytes], clock: Clock) -> Iterable[bytes]:
    """The pieces until so many bytes were read or so many seconds have passed: a log is no reason to wait."""
    began, read = clock.elapsed(), 0
    for piece in pieces:
        yield piece
        read += len(piece)
        if read > _MOST_LOG_BYTES or clock.elapsed() - began > _LOG_S:
            return
