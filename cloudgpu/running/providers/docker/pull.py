"""Fetches an image before anything is created, and tells how far it has come. What is there already is not fetched."""

import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cloudgpu.base.clock import Clock
from cloudgpu.base.errors import CloudgpuError, UnreachableError
from cloudgpu.running.providers.docker.daemon import Daemon
from cloudgpu.running.providers.docker.errors import RefusedByDaemonError, no_image

_SILENT_S = 300.0
_TELL_EVERY_S = 2.0
_GB = 1e9


@dataclass(slots=True)
class Layers:
    """How much of each layer has come: bytes, of how many; a layer counts once its size was told."""

    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)

    def take(self, event: Mapping[str, Any]) -> None:
        """Note what one event of the daemon's says."""
        name, status, detail = str(event.get("id") or ""), event.get("status"), event.get("progressDetail") or {}
        total = detail.get("total")
        if status == "Downloading" and isinstance(total, int):
            self.sizes[name] = (int(detail.get("current") or 0), total)
        elif status in ("Download complete", "Pull complete") and name in self.sizes:
            self.sizes[name] = (self.sizes[name][1], self.sizes[name][1])

    def __str__(self) -> str:
        come, size = (sum(pair[place] for pair in self.sizes.values()) for place in (0, 1))
        if not size:
            return "asking the registry for"
        return f"{come / _GB:.1f} of {size / _GB:.1f} GB," if come < size else f"unpacking {size / _GB:.1f} GB,"


def fetch(daemon: Daemon, image: str, tell: Callable[[str], None], silent_s: float = _SILENT_S) -> None:
    """Have the daemon pull the image unless it has it. Creates nothing.

    Raises InvalidRequestError when there is no such image or no room for it, UnreachableError when the daemon says
    nothing for `silent_s` real seconds.
    """
    if _is_there(daemon, image):
        return
    layers, told_at = Layers(), -_TELL_EVERY_S
    for event in _within(daemon, image, silent_s):
        if event.get("error"):
            raise no_image(image, str(event["error"]))
        layers.take(event)
        told_at = _tell(daemon.clock, told_at, tell, f"{layers} {image}")


def _is_there(daemon: Daemon, image: str) -> bool:
    try:
        daemon.ask("image", lambda client: client.inspect_image(image))
    except RefusedByDaemonError:
        return False
    return True


def _tell(clock: Clock, told_at: float, tell: Callable[[str], None], words: str) -> float:
    now = clock.elapsed()
    if now - told_at < _TELL_EVERY_S:
        return told_at
    tell(words)
    return now


def _within(daemon: Daemon, image: str, silent_s: float) -> Iterator[Mapping[str, Any]]:
    """The daemon's events. The SDK waits for each without end, so it waits on a thread of its own."""
    events: queue.Queue[Mapping[str, Any] | CloudgpuError | None] = queue.Queue()
    thread = threading.Thread(target=_listen, args=(daemon, image, events), daemon=True)
    thread.start()
    while True:
        try:
            event = events.get(timeout=silent_s)
        except queue.Empty:
            raise UnreachableError(
                f"the pull of {image} said nothing for {silent_s:.0f} s", hint="see: docker pull; then try again"
            ) from None
        if event is None:
            return
        if isinstance(event, CloudgpuError):
            raise no_image(image, event.message) if isinstance(event, RefusedByDaemonError) else event
        yield event


def _listen(daemon: Daemon, image: str, events: "queue.Queue[Mapping[str, Any] | CloudgpuError | None]") -> None:
    def pull(client: Any) -> None:  # noqa: ANN401  (the SDK has no annotations)
        for event in client.pull(image, stream=True, decode=True):
            events.put(event)

    try:
        daemon.ask("pull", pull)
        events.put(None)
    except CloudgpuError as error:
        events.put(error)
