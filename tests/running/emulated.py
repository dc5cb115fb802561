"""Either provider as the emulator plays it, in the test's own process and on a clock that moves when it is slept on.

The adapters are the ones that reach the real providers, under their real names, each with the key of its own account.
"""

import dataclasses
from decimal import Decimal

from cloudgpu.base.errors import NothingFitsError
from cloudgpu.base.secret import Secret
from cloudgpu.cli.plan.search import query_for
from cloudgpu.planning.needs import Needs
from cloudgpu.planning.plan import make_plan
from cloudgpu.planning.spot import bids_of
from cloudgpu.running.deployment import Limits, bring_up, request_from_plan
from cloudgpu.running.providers.http import Timeouts
from cloudgpu.running.providers.runpod import open_runpod
from cloudgpu.running.providers.vast import open_vast
from cloudgpu.running.store import Store
from cloudgpu.sizing.models import resolve_model
from cloudgpu.sizing.options import ServingOptions

PROVIDERS = ("vast", "runpod")
KEY = Secret("sk-endpoint")
_OPEN = {"vast": open_vast, "runpod": open_runpod}
_NEVER = Timeouts(connect_s=60, read_s=60, act_s=60)


def open_provider(name, rig, **more):
    """The adapter of one provider, led to the rig."""
    key = rig.vast_key if name == "vast" else rig.runpod_key
    return _OPEN[name](rig.url, key, rig.clock, console=rig.url, timeouts=_NEVER, **more)


class World:
    """One provider with a clean slate: no faults, nothing rented, a new journal."""

    def __init__(self, name, rig, path):
        self.name, self.rig, self.clock = name, rig, rig.clock
        self.provider = open_provider(name, rig)
        self.store = Store(f"sqlite:///{path / 'cloudgpu.db'}")

    @property
    def tools(self):
        return {"provider": self.provider, "store": self.store, "clock": self.clock, "emit": self.store.append}

    def fault(self, on, do, **more):
        self.rig.fault(self.name, on=on, do=do, **more)

    def heal(self):
        self.rig.clear_faults()

    def billing(self):
        """What exists at the market, whatever our own listing says."""
        return [each.instance_id for each in self.rig.rented()]

    def created(self):
        """How many creates took effect."""
        return len(self.rig.ever_rented())

    def billed_usd(self, instance_id):
        return next(Decimal(each.usd) for each in self.rig.ever_rented() if each.instance_id == instance_id)

    def intents(self):
        return [event for event in self.store.events() if event.kind.value == "intended"]

    def request(self, model="mistral", regions=(), spot=False, **limits):
        needs = Needs(
            model=resolve_model(model), options=ServingOptions(), providers=(self.name,), regions=regions,
            interruptible=spot,
        )  # fmt: skip
        market = self.provider.search(query_for(needs))
        if spot:
            market = dataclasses.replace(market, offers=tuple(bids_of(market.offers)))
        plan = make_plan(needs, market, self.clock.now())
        if not plan.candidates:
            raise NothingFitsError("nothing")
        wished = dataclasses.replace(Limits(), **limits)
        return request_from_plan(plan, name=model, service=model, api_key=KEY, limits=wished)

    def up(self, model="mistral", regions=(), spot=False, on_progress=lambda progress: None, **limits):
        return bring_up(self.request(model, regions, spot, **limits), **self.tools, on_progress=on_progress)
