"""The emulator in a process of its own, told what to do over a pipe: whoever forks commands keeps no threads."""

import gc
import json
import logging
import os
import pickle
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from cloudgpu.emulator.standing_clock import StandingClock

if TYPE_CHECKING:
    from cloudgpu.emulator.markets import Snapshot
    from cloudgpu.emulator.rig import Rig

_END = "end"
_DESTROY = re.compile(r"/api/v0/instances/(\d+)/|/v2/pods/([^/]+)")


class Market:
    """Both markets, served by a forked process until this object is closed or its owner dies."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self._pid = os.fork()
        if self._pid == 0:
            ours.close()
            _serve(theirs)
        theirs.close()
        self._wire = ours.makefile("rwb")
        ours.close()
        self.url, self.vast_key, self.runpod_key, clock = self._ask("where")
        self.clock = StandingClock(Path(clock))

    def close(self) -> None:
        """End it. It is told to: a command that was left behind may hold the other end of the pipe open."""
        pickle.dump((_END, ()), self._wire)
        self._wire.close()
        os.waitpid(self._pid, 0)

    def begin(self, seed: int) -> None:
        """Another market, nothing rented."""
        self._ask("begin", seed)

    def keep(self, name: str) -> None:
        """Keep everything as it is now under this name."""
        self._ask("keep", name)

    def go_back(self, name: str) -> None:
        """Let everything be as it was kept. Raises PortInUseError when an instance's address is taken."""
        self._ask("go_back", name)

    def fault(self, script: Mapping[str, Any]) -> None:
        """Add a fault script, with its `provider`."""
        self._ask("fault", dict(script))

    def heal(self) -> None:
        """Forget every script that has not struck yet."""
        self._ask("heal")

    def credit(self, usd: str) -> None:
        """Leave so much money in both accounts."""
        self._ask("credit", usd)

    def stranger(self, provider: str, label: str) -> str:
        """Somebody else rents something in the same account; its id."""
        return str(self._ask("stranger", provider, label))

    def remove(self, provider: str, instance_id: str) -> None:
        """Somebody removes an instance at the provider's console."""
        self._ask("remove", provider, instance_id)

    def instances(self) -> list[tuple[str, str, str | None, bool]]:
        """Everything that ever was: provider, id, label, whether it exists now."""
        return list(self._ask("instances"))

    def sight(self) -> tuple[dict[str, tuple[str | None, str]], list[str]]:
        """Label and place in life of everything that exists now, by its id; the ids of every destroy."""
        exists, destroys = self._ask("sight")
        return exists, destroys

    def acts(self) -> tuple[list[str], list[str]]:
        """The labels of every create that was received, and the ids of every destroy."""
        creates, destroys = self._ask("acts")
        return creates, destroys

    def _ask(self, what: str, *arguments: object) -> Any:
        pickle.dump((what, arguments), self._wire)
        self._wire.flush()
        answer = pickle.load(self._wire)
        if isinstance(answer, Exception):
            raise answer
        return answer


def _serve(wire: socket.socket) -> None:
    """Answer until the pipe is closed."""
    from cloudgpu.emulator.rig import Rig  # here alone: whatever forks commands pays at each for what it has loaded

    logging.getLogger("uvicorn").disabled = True  # it complains of every answer that a fault cuts short
    logging.getLogger("uvicorn.error").disabled = True
    logging.getLogger("asyncio").disabled = True  # and this of every client that a kill took away
    try:
        rig = Rig(vast_key="vast-key-of-the-campaign", runpod_key="rpa_key_of_the_campaign")
        gc.collect()
        gc.freeze()  # what is loaded stays: no sweep of the garbage need look at it again
        stream = wire.makefile("rwb")
        acts = _acts(rig)
        while True:
            what, arguments = pickle.load(stream)
            if what == _END:
                break
            try:
                answer = acts[what](*arguments)
            except Exception as error:
                answer = error
            pickle.dump(answer, stream)
            stream.flush()
    except (EOFError, KeyboardInterrupt):
        pass
    finally:
        rig.close()
        os._exit(0)


def _acts(rig: "Rig") -> Mapping[str, Callable[..., object]]:
    from decimal import Decimal

    kept: dict[str, Snapshot] = {}

    def begin(seed: int) -> None:
        rig.reset(seed=seed)
        rig.record()

    def stranger(provider: str, label: str) -> str:
        rig.record(on=False)
        try:
            return _rent(rig, provider, label)
        finally:
            rig.record()

    def fault(script: dict[str, Any]) -> None:
        rig.fault(script.pop("provider"), **script)

    def credit(usd: str) -> None:
        for provider in ("vast", "runpod"):
            rig.set_credit(provider, Decimal(usd))

    def keep(name: str) -> None:
        kept[name] = rig.snapshot()

    return {
        "where": lambda: (rig.url, rig.vast_key.reveal(), rig.runpod_key.reveal(), str(rig.clock.path)),
        "begin": begin,
        "keep": keep,
        "go_back": lambda name: rig.restore(kept[name]),
        "stranger": stranger,
        "fault": fault,
        "credit": credit,
        "heal": rig.clear_faults,
        "remove": rig.destroy,
        "instances": lambda: [(e.provider, e.instance_id, e.label, e.alive) for e in rig.ever_rented()],
        "sight": lambda: ({e.instance_id: (e.label, e.stage) for e in rig.rented()}, list(_destroys(rig))),
        "acts": lambda: (list(_creates(rig)), list(_destroys(rig))),
    }


def _rent(rig: "Rig", provider: str, label: str) -> str:
    session = requests.Session()
    session.trust_env = False
    if provider == "runpod":
        body = {"name": label, "image": "ubuntu:24.04", "gpu": {"id": "NVIDIA RTX A5000"}}
        return str(_posted(session, "POST", f"{rig.url}/v2/pods", rig.runpod_key.reveal(), body)["id"])
    wanted = {"gpu_name": {"eq": "RTX 3090"}, "order": [["dph_total", "asc"]], "limit": 1}
    found = _posted(session, "POST", f"{rig.url}/api/v0/bundles/", rig.vast_key.reveal(), wanted)["offers"][0]
    body = {"client_id": "me", "image": "ubuntu:24.04", "env": {}, "disk": 10, "label": label, "runtype": "args"}
    path = f"{rig.url}/api/v0/asks/{found['id']}/"
    return str(_posted(session, "PUT", path, rig.vast_key.reveal(), body)["new_contract"])


def _posted(session: requests.Session, method: str, url: str, key: str, body: Mapping[str, Any]) -> Any:
    answer = session.request(method, url, json=body, headers={"Authorization": f"Bearer {key}"}, timeout=60)
    answer.raise_for_status()
    return answer.json()


def _creates(rig: "Rig") -> Iterator[str]:
    for each in rig.received():
        if each.method == "PUT" and each.path.startswith("/api/v0/asks/"):
            yield str(json.loads(each.body)["label"])
        if each.method == "POST" and each.path == "/v2/pods":
            yield str(json.loads(each.body)["name"])


def _destroys(rig: "Rig") -> Iterator[str]:
    for each in rig.received():
        found = _DESTROY.fullmatch(each.path) if each.method == "DELETE" else None
        if found:
            yield found[1] or found[2]
