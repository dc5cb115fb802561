"""Lets the tests of this folder import their made-up world, and rent from the provider on paper of tests/running."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from cloudgpu.base.secret import Secret
from cloudgpu.moving import counters, running_acts, sight
from cloudgpu.moving.engine_metrics import FirstTokens
from cloudgpu.moving.gates.judge import Judgement
from cloudgpu.moving.gates.verdict import Check, Outcome, Verdict
from cloudgpu.moving.running_acts import RunningActs
from cloudgpu.running.health import Health
from cloudgpu.running.records import Service

sys.path.insert(0, str(Path(__file__).parent))

from made_up_world import Process, World, a_migration


def _desks():
    path = Path(__file__).parents[1] / "running" / "conftest.py"
    spec = importlib.util.spec_from_file_location("paper_desks", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class Move:
    """A service `mistral` on the provider on paper, and a migration of it to `qwen` that is about to begin."""

    def __init__(self, path, patch):
        self.desk = _desks().Desk(path)
        self.desk.answers_after_s = 61
        self.sick, self.told, self.hooks = set(), [], []
        patch.setattr(running_acts, "bring_up", self._bring_up(running_acts.bring_up))
        patch.setattr(sight, "probe", lambda *_: Health(ready=True, phase="ready", detail=""))
        patch.setattr(sight, "reply", lambda *_: Health(ready=True, phase="ready", detail="", text="It is so."))
        patch.setattr(counters, "first_tokens", lambda *_: FirstTokens())
        patch.setattr(running_acts, "note_work", lambda *_: None)  # what is on paper has no engine to ask
        patch.setattr(running_acts, "warm_up", lambda *_: None)
        patch.setattr(running_acts, "judge", self._judge)
        self.store, self.provider = self.desk.store, self.desk.provider
        self.store.save_service(Service(name="mistral", api_key=Secret("sk-service"), serving="mistral"))
        self.old = self.desk.up("mistral")
        self.migration = a_migration(
            old=replace(a_migration().old, token=self.old.token), model="org/model", provider="paper",
            new=replace(a_migration().new, name="qwen"),
        )  # fmt: skip
        self.acts = RunningActs(
            service="mistral", store=self.store, state_dir=path, provider=lambda _: self.provider,
            clock=lambda _: self.desk.clock, emit=self.store.append, request_for=self._request,
            on_progress=self.told.append, on_hook=self.hooks.append,
        )  # fmt: skip

    def _bring_up(self, real):
        return lambda request, **tools: real(request, prober=self.desk.prober, **tools)

    def _request(self, _migration):
        return replace(self.desk.request("qwen"), service="mistral")

    def _judge(self, old, new, _thresholds, clock, **_more):
        check = Check(gate="readiness", name="ready", outcome=Outcome.PASS, reason="it is ready")
        return Judgement(verdict=Verdict(old=old.name, new=new.name, at=clock.now(), checks=(check,)), evidence=None)

    def saved(self):
        return type(self.migration).from_body(self.store.migration("m-1"))

    def new(self):
        return self.store.life(self.saved().new.token)


@pytest.fixture
def move(tmp_path, monkeypatch):
    move = Move(tmp_path, monkeypatch)
    yield move
    move.store.close()


@pytest.fixture
def world():
    return World()


@pytest.fixture
def acts(world):
    return Process(world)


@pytest.fixture
def session(move, tmp_path):
    """What a command would have opened, on the provider on paper."""
    return SimpleNamespace(
        store=move.store, settings=SimpleNamespace(state_dir=tmp_path), provider=lambda _: move.provider,
        clock=lambda _: move.desk.clock, emit=move.store.append,
    )  # fmt: skip
