"""A provider on paper: a few machines, a clock moved by hand, and faults that tests script; a real PostgreSQL."""

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest
import responses

from cloudgpu.base.clock import ManualClock
from cloudgpu.base.errors import BadAnswerError, OfferGoneError, UnreachableError
from cloudgpu.base.secret import Secret
from cloudgpu.emulator.rig import Rig
from cloudgpu.planning.offers.offer import Market, Offer, OfferSource
from cloudgpu.running.deployment import Limits, UpRequest, bring_up, refresh, take_down
from cloudgpu.running.deployment.request import rental_of
from cloudgpu.running.health import Health
from cloudgpu.running.providers.base import Address, BilledLine, Capabilities, InstanceState, InstanceView
from cloudgpu.running.providers.vast import open_vast
from cloudgpu.running.store import Store
from cloudgpu.serving.launch import HealthCheck, LaunchRequest
from tests.running import vast_answers
from tests.running.emulated import World

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def offer(number: int = 1, gpu_usd: str = "0.30", machine: str | None = None) -> Offer:
    return Offer(
        provider="paper", offer_id=str(number), machine_id=machine or f"m{number}", gpu="RTX 4090", gpu_count=1,
        gpu_memory_mib=24564, compute_capability="8.9", cuda_max="13.0", gpu_usd_per_hour=Decimal(gpu_usd),
        storage_usd_per_gb_month=Decimal("0.18"), download_usd_per_gb=Decimal("0.01"),
        upload_usd_per_gb=Decimal("0.01"), download_mbps=1000.0, disk_gb=500.0, host_ram_gb=64.0, reliability=0.99,
        verified=True, location="Norway, NO",
        country="NO", open_ports=10, rentable_s=1e6,
    )  # fmt: skip


LAUNCH = LaunchRequest(
    image="vllm/vllm-openai:v0.25.1", args=("--model", "org/model"), env={"VLLM_API_KEY": Secret("sk-service")},
    ports=(8000,), disk_gb=40, download_gb=20.0, health=HealthCheck(port=8000, path="/health", model_id="org/model"),
)  # fmt: skip


@dataclass
class Machine:
    instance_id: str
    label: str
    offer: Offer
    created_at: datetime
    destroyed: bool = False
    billed_until: datetime | None = None
    state: InstanceState | None = None
    port: int = 41000


@dataclass
class PaperProvider:
    """Every method may be given faults: a list of exceptions (or None), one taken for each call."""

    clock: ManualClock
    name: str = "paper"
    capabilities = Capabilities(interruptible=False, console_url="https://console.example/")
    machines: dict[str, Machine] = field(default_factory=dict)
    offers: dict[str, Offer] = field(default_factory=dict)
    creates: list[str] = field(default_factory=list)
    destroys: list[str] = field(default_factory=list)
    faults: dict[str, list] = field(default_factory=dict)
    starts_after_s: float = 60.0
    visible_after_s: float = 0.0
    surcharge: Decimal = Decimal(0)
    deaf_to_destroy: bool = False
    lists_nothing: bool = False
    account_id: str = "account-1"
    log: str = ""
    disk_used_gb: object = None
    hook: object = None

    def _fault(self, method):
        if self.hook:
            self.hook(method)
        queue = self.faults.get(method)
        fault = queue.pop(0) if queue else None
        if isinstance(fault, BaseException) or (isinstance(fault, type) and issubclass(fault, BaseException)):
            raise fault
        return fault

    def search(self, query):
        self._fault("search")
        return Market(
            offers=tuple(self.offers.values()), source=OfferSource.LIVE, origin="paper", fetched_at=self.clock.now(),
            complete=True, unreadable={},
        )  # fmt: skip

    def offer(self, wanted, disk_gb):
        self._fault("offer")
        if wanted.offer_id not in self.offers:
            raise OfferGoneError("the offer is gone")
        return self.offers[wanted.offer_id]

    def prepare(self, launch, tell):
        self._fault("prepare")

    def create(self, wanted, launch, label):
        self.creates.append(label)
        before = self.faults.get("create", [None])[:1]
        if before and before[0] is not None and getattr(before[0], "before_it_happened", True):
            self._fault("create")
        if wanted.offer_id not in self.offers:
            raise OfferGoneError("the offer is gone")
        taken = self.offers.pop(wanted.offer_id)
        number = str(1000 + len(self.machines))
        self.machines[number] = Machine(number, label, taken, self.clock.now())
        self._fault("create")
        return number

    def instances(self):
        self._fault("instances")
        if self.lists_nothing:
            return []
        return [self._view(m) for m in self.machines.values() if self._visible(m)]

    def instance(self, instance_id):
        self._fault("instance")
        machine = self.machines.get(instance_id)
        return self._view(machine) if machine and self._visible(machine) else None

    def destroy(self, instance_id):
        self.destroys.append(instance_id)
        lost = isinstance((self.faults.get("destroy") or [None])[0], HappenedAllTheSameError)
        if not lost:
            self._fault("destroy")
        machine = self.machines.get(instance_id)
        if machine is None or not self._visible(machine):
            return False
        machine.destroyed = not self.deaf_to_destroy
        if lost:
            self._fault("destroy")
        return True

    def logs(self, instance_id, tail):
        self._fault("logs")
        return self.log

    def bill(self, instance_id, since):
        self._fault("bill")
        return [
            BilledLine(
                instance_id=each.instance_id, meter="gpu", start=each.created_at,
                end=each.billed_until or self.clock.now(), usd=Decimal("0.01"),
            )
            for each in self.machines.values()
            if instance_id in (None, each.instance_id)
        ]  # fmt: skip

    def account(self):
        self._fault("account")
        return self.account_id

    def balance_usd(self):
        return Decimal(10)

    def console_url(self, instance_id):
        return f"https://console.example/instances/{instance_id}"

    def billing(self):
        return [m.instance_id for m in self.machines.values() if not m.destroyed]

    def _visible(self, machine):
        age_s = (self.clock.now() - machine.created_at).total_seconds()
        return not machine.destroyed and age_s >= self.visible_after_s

    def _view(self, machine):
        age_s = (self.clock.now() - machine.created_at).total_seconds()
        running = age_s >= self.starts_after_s
        state = machine.state or (InstanceState.RUNNING if running else InstanceState.STARTING)
        up = state is InstanceState.RUNNING
        return InstanceView(
            instance_id=machine.instance_id, label=machine.label, machine_id=machine.offer.machine_id, state=state,
            detail="", gpu_usd_per_hour=machine.offer.gpu_usd_per_hour + self.surcharge,
            disk_usd_per_hour=Decimal("0.01"), gpu_billing=up, disk_billing=True,
            addresses={8000: Address(host="203.0.113.7", port=machine.port)} if up else {},
            started_at=machine.created_at,
            disk_used_gb=self.disk_used_gb() if self.disk_used_gb else None,
        )  # fmt: skip


class HappenedAllTheSameError(UnreachableError):
    """The create took effect, its answer got lost."""

    before_it_happened = False


class Desk:
    """A store, a paper provider and the calls that tests make of them."""

    def __init__(self, path):
        self.clock = ManualClock(START)
        self.provider = PaperProvider(self.clock)
        self.path = path
        self.store = Store(f"sqlite:///{path / 'cloudgpu.db'}")
        self.progress = []
        self.answers_after_s = 120.0
        for number in range(1, 6):
            self.provider.offers[str(number)] = offer(number, f"0.{29 + number}")

    def prober(self, endpoint, api_key, health):
        born = max(m.created_at for m in self.provider.machines.values())
        ready = (self.clock.now() - born).total_seconds() >= self.answers_after_s
        return Health(ready=ready, phase="ready" if ready else "opening", detail="")

    def request(self, name="mistral", limits=None, offers=None):
        chosen = offers or [offer(n, f"0.{29 + n}") for n in range(1, 6)]
        return UpRequest(
            name=name, service=name, model="org/model", short_name=name, plan_id="p-1",
            rentals=tuple(rental_of(o, LAUNCH) for o in chosen), api_key=Secret("sk-service"),
            limits=limits or Limits(),
        )  # fmt: skip

    @property
    def tools(self):
        return {"provider": self.provider, "store": self.store, "clock": self.clock, "emit": self.store.append}

    def up(self, name="mistral", failures=None, **more):
        request = self.request(name, **more)
        watched = {"prober": self.prober, "on_progress": self.progress.append, "failures": failures}
        return bring_up(request, **self.tools, **watched)

    def down(self, deployment):
        return take_down(deployment, **self.tools)

    def refresh(self, deployment):
        return refresh(deployment, *self.tools.values())

    def wait(self, seconds):
        self.clock.sleep(seconds)

    def set_time(self, seconds):
        """Correct the machine's time, without any time passing: the provider's own clock stays right."""
        self.clock.time += timedelta(seconds=seconds)
        for machine in self.provider.machines.values():
            machine.created_at += timedelta(seconds=seconds)

    def kinds(self, name="mistral"):
        return [event.kind.value for event in self.store.events(name)]


@pytest.fixture
def clock():
    return ManualClock(START)


@pytest.fixture
def vast(clock):
    """The Vast.ai adapter, for a `server` that is on record."""
    return open_vast(vast_answers.URL, Secret(vast_answers.KEY), clock)


@pytest.fixture
def server():
    """Answers that a test puts on record, in the place of any server."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as server:
        yield server


@pytest.fixture(scope="module")
def rig():
    """Both emulated markets, for the tests of one file."""
    with Rig() as rig:
        yield rig


@pytest.fixture
def world(request, rig, tmp_path):
    """The file's own `PROVIDER` on the rig, with nothing rented."""
    rig.reset()
    world = World(request.module.PROVIDER, rig, tmp_path)
    yield world
    world.store.close()


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path)
    yield desk
    desk.store.close()


@pytest.fixture
def new_desk(tmp_path_factory):
    """A maker of desks, for tests that need many in one run."""
    desks = []

    def make():
        desks.append(Desk(tmp_path_factory.mktemp("desk")))
        return desks[-1]

    yield make
    for desk in desks:
        desk.store.close()


@pytest.fixture
def faults():
    """The exceptions a test scripts."""

    class Faults:
        happened_all_the_same = HappenedAllTheSameError("no answer")
        unreachable = UnreachableError("no answer")
        unreadable = BadAnswerError("half an answer")

    return Faults


@pytest.fixture
def make_offer():
    return offer


@pytest.fixture
def with_offer_price():
    return lambda o, usd: replace(o, gpu_usd_per_hour=Decimal(usd))


@pytest.fixture
def launch():
    return LAUNCH


@pytest.fixture(scope="session")
def postgresql():
    """A maker of URLs of empty databases, on a real PostgreSQL that this test run starts in a folder of its own."""
    pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
    user = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    tools = found[-1].parent if found else shutil.which("initdb") and Path(shutil.which("initdb")).parent
    if not tools:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="cloudgpu-pg-"))
    if user:
        shutil.chown(folder, user)

    def run(tool, *arguments):
        done = subprocess.run([tools / tool, *arguments], user=user, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    run("initdb", "-D", f"{folder}/data", "-U", "cloudgpu", "-A", "trust", "-E", "UTF8", "--no-sync")
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"  # no port that another may take
    run("pg_ctl", "-D", f"{folder}/data", "-w", "-t", "300", "-l", f"{folder}/log", "-o", options, "start")
    numbers = count(1)

    def new_database():
        name = f"journal_{next(numbers)}"
        run("createdb", "-h", folder, "-U", "cloudgpu", name)
        return f"postgresql+psycopg://cloudgpu@/{name}?host={folder}"

    try:
        yield new_database
    finally:
        run("pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)
