"""The Docker adapter against a daemon on paper, spoken to by Docker's own SDK: what it asks for, and what it makes of
every answer that may come."""

import gc
import warnings
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256

import docker.errors
import pytest
import requests
from docker.credentials.errors import InitializationError

from cloudgpu.accounting.bill import NEVER_BILLED
from cloudgpu.base.clock import ManualClock
from cloudgpu.base.errors import (
    BadAnswerError,
    CreateRefusedError,
    InvalidRequestError,
    NotAuthorisedError,
    OfferGoneError,
    ProviderError,
    UnknownGpuError,
    UnreachableError,
    UsageError,
)
from cloudgpu.base.secret import Secret
from cloudgpu.base.settings import docker_settings
from cloudgpu.running.providers.base import InstanceState, OfferQuery
from cloudgpu.running.providers.docker import cards, open_docker
from cloudgpu.running.providers.docker.errors import explain
from cloudgpu.running.providers.docker.pull import fetch
from cloudgpu.serving.engine_log import fatal_in
from tests.running.docker_daemon import Fate
from tests.running.docker_world import LAUNCH, QUERY, SETTINGS, docker_world


@pytest.fixture
def world():
    with docker_world() as world:
        yield world


@pytest.fixture
def _sockets_left_behind():
    """Docker's SDK leaves the socket of a connection that could not be made to the collector."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def _wrapped(cause):
    """As the SDK raises it: an exception of its own, from the one that says why."""
    error = docker.errors.DockerException(f"Error while fetching server API version: {cause}")
    error.__cause__ = cause
    return error


def _by_id(*tokens):
    """Tokens in the order of the ids that their containers get."""
    return sorted(tokens, key=lambda token: sha256(token.encode()).hexdigest())


def _no_cards(monkeypatch):
    monkeypatch.setattr(cards, "_seen_by_driver", tuple)


# What is offered.


def test_the_cards_that_are_set_are_offered_at_the_price_of_their_electricity(world):
    market = world.provider.search(QUERY)
    assert [(each.offer_id, each.gpu_count, each.gpu_usd_per_hour) for each in market.offers] == [
        ("RTX 3090/1", 1, Decimal("0.105")), ("RTX 3090/2", 2, Decimal("0.21")),
    ]  # fmt: skip
    assert market.notes[0].startswith("Electricity at $0.3/kWh: 350 W for each RTX 3090")
    assert {each.location for each in market.offers} == {"workstation"}


def test_without_a_price_it_costs_nothing_and_says_so(world):
    provider = world.open({"CLOUDGPU_DOCKER_GPUS": "RTX 3090"})
    market = provider.search(QUERY)
    assert [each.gpu_usd_per_hour for each in market.offers] == [0]
    assert "counts as $0" in market.notes[0]


def test_watts_of_ones_own_replace_the_cards_limit(world):
    provider = world.open(SETTINGS | {"CLOUDGPU_DOCKER_WATTS": "500"})
    assert provider.search(QUERY).offers[0].gpu_usd_per_hour == Decimal("0.15")


def test_cards_that_nobody_tells_are_asked_for_and_then_believed(world, monkeypatch):
    _no_cards(monkeypatch)
    provider = world.open({})
    with pytest.raises(UsageError, match="does not tell which cards"):
        provider.search(QUERY)
    named = provider.search(OfferQuery(disk_gb=40, gpu_names=("RTX 4090",), gpu_counts=(2,)))
    assert [each.offer_id for each in named.offers] == ["RTX 4090/1", "RTX 4090/2"]
    assert "believed" in named.notes[1]
    assert provider.create(named.offers[0], LAUNCH, "token-1")
    last = world.open({"CLOUDGPU_DOCKER_GPU_IDS": "3"})
    (offer,) = last.search(OfferQuery(disk_gb=40, gpu_names=("RTX 4090",))).offers
    made = world.daemon.find(last.create(offer, LAUNCH, "token-2"))
    assert made.body["HostConfig"]["DeviceRequests"][0]["DeviceIDs"] == ["3"]


def test_the_driver_tells_the_cards_where_docker_runs_here(tmp_path, monkeypatch):
    smi = tmp_path / "nvidia-smi"
    smi.write_text("#!/bin/sh\necho '0, NVIDIA GeForce RTX 3090, 24576, 350.00, 8.6'\n"
                   "echo '1, NVIDIA Unheard Of, 32768, [N/A], 12.0'\n")  # fmt: skip
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    here = cards.cards_of(docker_settings({}), is_here=True)
    assert here.origin == "nvidia-smi"
    assert [(each.device_id, each.name, each.memory_mib, each.watts) for each in here.cards] == [
        ("0", "RTX 3090", 24576, 350), ("1", "NVIDIA Unheard Of", 32768, None),
    ]  # fmt: skip
    one = cards.cards_of(docker_settings({"CLOUDGPU_DOCKER_GPU_IDS": "1"}), is_here=True)
    assert [each.device_id for each in one.cards] == ["1"]
    with pytest.raises(UsageError, match="nvidia-smi shows 0, 1"):
        cards.cards_of(docker_settings({"CLOUDGPU_DOCKER_GPU_IDS": "2"}), is_here=True)
    assert cards.cards_of(docker_settings({}), is_here=False) is None


@pytest.mark.parametrize(
    ("host", "here"),
    [("", True), ("unix:///d.sock", True), ("tcp://127.0.0.1:2375", False), ("tcp://localhost:2375", False),
     ("ssh://me@box", False)],
)  # fmt: skip
def test_this_machines_driver_tells_nothing_of_a_daemon_behind_what_may_be_a_tunnel(host, here, monkeypatch):
    monkeypatch.setattr(cards, "_seen_by_driver", lambda: cards.declared("RTX 3090"))
    provider = open_docker(docker_settings({"DOCKER_HOST": host}), ManualClock())
    assert provider.cards(OfferQuery(disk_gb=40, gpu_names=("RTX 4090",))).origin == (
        "nvidia-smi" if here else "the command line"
    )


def test_engines_at_the_end_of_a_tunnel_are_reached_on_loopback():
    near = open_docker(docker_settings({"DOCKER_HOST": "tcp://127.0.0.1:2375"}), ManualClock())
    assert near.daemon.machine is None


def test_a_card_that_comes_in_two_sizes_has_the_one_that_was_named():
    assert [each.memory_mib for each in cards.declared("A100 SXM4 80GB, A100 SXM4 40GB")] == [81920, 40960]


def test_mixed_cards_are_told_apart_and_each_keeps_its_id(world):
    provider = world.open({"CLOUDGPU_DOCKER_GPUS": "1x RTX 3090, 2x RTX 4090", "CLOUDGPU_DOCKER_GPU_IDS": "2,0,1"})
    offers = {each.offer_id: each for each in provider.search(QUERY).offers}
    assert set(offers) == {"RTX 3090/1", "RTX 4090/1", "RTX 4090/2"}
    made = world.daemon.find(provider.create(offers["RTX 4090/2"], LAUNCH, "token-1"))
    assert made.body["HostConfig"]["DeviceRequests"][0]["DeviceIDs"] == ["0", "1"]


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"CLOUDGPU_DOCKER_GPUS": "some cards"}, UnknownGpuError),
        ({"CLOUDGPU_DOCKER_GPUS": "0x RTX 3090"}, UsageError),
        ({"CLOUDGPU_DOCKER_GPUS": "2x RTX 3090", "CLOUDGPU_DOCKER_GPU_IDS": "0"}, UsageError),
        ({"CLOUDGPU_DOCKER_GPUS": "RTX 3090", "CLOUDGPU_DOCKER_USD_PER_KWH": "cheap"}, UsageError),
        ({"CLOUDGPU_DOCKER_GPUS": "RTX 3090", "CLOUDGPU_DOCKER_USD_PER_KWH": "-1"}, UsageError),
        ({"CLOUDGPU_DOCKER_GPUS": "RTX 3090", "CLOUDGPU_DOCKER_USD_PER_KWH": "0.3", "CLOUDGPU_DOCKER_WATTS": "350W"},
         UsageError),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_meant_is_one_sentence(world, settings, error):
    with pytest.raises(error) as told:
        world.open(settings).search(QUERY)
    assert "\n" not in told.value.message
    assert told.value.hint


def test_a_card_that_was_given_away_is_offered_to_nobody_else(world):
    both = world.offer(2)
    first = world.run()
    assert [each.gpu_count for each in world.provider.search(QUERY).offers] == [1]
    with pytest.raises(OfferGoneError):
        world.provider.offer(both, 40)
    second = world.run("token-2")
    ids = [world.daemon.find(each).body["HostConfig"]["DeviceRequests"][0]["DeviceIDs"] for each in (first, second)]
    assert ids == [["0"], ["1"]]
    with pytest.raises(OfferGoneError):
        world.provider.create(both, LAUNCH, "token-3")
    market = world.provider.search(QUERY)
    assert (market.offers, market.notes[-1]) == ((), "2 of 2 cards are held by other deployments of yours.")
    assert world.provider.destroy(first)
    assert len(world.provider.search(QUERY).offers) == 1


def test_of_two_commands_that_picked_a_card_at_the_same_moment_the_first_keeps_it(world, monkeypatch):
    offer = world.offer()
    monkeypatch.setattr(type(world.provider), "_taken", lambda self: frozenset())  # neither saw the other's
    first = world.run("token-1", offer)
    with pytest.raises(CreateRefusedError, match="a moment before") as told:
        world.run("token-2", offer)
    assert world.daemon.find(told.value.instance_id).status == "created"
    assert world.provider.instance(first).state is InstanceState.RUNNING


def _made_and_not_started(world, monkeypatch, token, offer):
    """A container of this token whose start failed a moment ago, which nobody sees to have taken its card."""
    monkeypatch.setattr(type(world.provider), "_taken", lambda self: frozenset())
    world.daemon.fault("start", "500")
    with pytest.raises(CreateRefusedError, match="something went wrong"):
        world.run(token, offer)
    world.clock.sleep(0.2)


def test_of_two_containers_made_in_one_second_the_older_keeps_the_card_whatever_their_ids(world, monkeypatch):
    offer = world.offer()
    younger, older = _by_id("token-1", "token-2")
    _made_and_not_started(world, monkeypatch, older, offer)
    with pytest.raises(CreateRefusedError, match="a moment before"):
        world.run(younger, offer)
    assert world.daemon.find(world.run(older, offer)).status == "running"


def test_a_container_that_runs_already_keeps_its_card_from_an_older_one(world, monkeypatch):
    offer = world.offer()
    older, younger = _by_id("token-1", "token-2")
    _made_and_not_started(world, monkeypatch, older, offer)
    with monkeypatch.context() as patch:
        patch.setattr(type(world.provider), "_give_way", lambda *_: None)  # the older was not listed yet
        running = world.run(younger, offer)
    with pytest.raises(CreateRefusedError, match="a moment before"):
        world.run(older, offer)
    assert world.run(younger, offer) == running


# What is asked of the daemon.


def test_the_container_has_what_an_engine_needs_and_nothing_starts_it_again(world):
    made = world.daemon.find(world.run(offer=world.offer(2)))
    host = made.body["HostConfig"]
    assert made.name == made.body["Labels"]["cloudgpu.token"] == "token-1"
    assert host["DeviceRequests"] == [
        {"Driver": "", "Count": 0, "DeviceIDs": ["0", "1"], "Capabilities": [["gpu"]], "Options": {}}
    ]
    assert host["ShmSize"] == 16 * 2**30
    assert host["RestartPolicy"] == {"Name": "no"}
    assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}
    assert host["Binds"] == ["cloudgpu-cache:/root/.cache"]
    assert host["PortBindings"]["8000/tcp"][0]["HostIp"] == "127.0.0.1"
    assert made.body["Cmd"] == ["--model", "org/model", "--port", "8000"]
    assert made.body["Env"] == ["VLLM_API_KEY=sk-endpoint"]
    assert not made.body.get("Entrypoint")


def test_an_entrypoint_a_cache_and_an_address_of_ones_own_are_taken(world):
    provider = world.open(SETTINGS | {"CLOUDGPU_DOCKER_HUB_CACHE": "/data/hub", "CLOUDGPU_DOCKER_BIND": "0.0.0.0"})
    instance_id = provider.create(world.offer(), replace(LAUNCH, entrypoint=("python3", "-m", "engine")), "token-1")
    body = world.daemon.find(instance_id).body
    assert body["Entrypoint"] == ["python3", "-m", "engine"]
    assert body["HostConfig"]["Binds"][-1] == "/data/hub:/root/.cache/huggingface/hub"
    address = provider.instance(instance_id).addresses[8000]
    assert address.host == "127.0.0.1"


def test_a_folder_where_a_hugging_face_token_lies_is_shared_with_no_engine(world, tmp_path):
    (tmp_path / "token").write_text("hf_mine")
    for folder in (str(tmp_path), "/home/me/.cache/huggingface", "/home/me/.cache/huggingface/"):
        with pytest.raises(UsageError, match="place of a Hugging Face token") as told:
            world.open(SETTINGS | {"CLOUDGPU_DOCKER_HUB_CACHE": folder}).prepare(LAUNCH, print)
        assert "/hub" in told.value.hint
    world.open(SETTINGS | {"CLOUDGPU_DOCKER_HUB_CACHE": str(tmp_path / "hub")}).prepare(LAUNCH, print)


def test_cards_that_the_daemon_knows_as_cdi_devices_alone_are_asked_for_so(world):
    world.daemon.info = {
        "Runtimes": {"runc": {}},
        "DiscoveredDevices": [
            {"Source": "cdi", "ID": "nvidia.com/gpu=0"},
            {"Source": "cdi", "ID": "nvidia.com/gpu=all"},
        ],
    }
    (request,) = world.daemon.find(world.run()).body["HostConfig"]["DeviceRequests"]
    assert (request["Driver"], request["DeviceIDs"]) == ("cdi", ["nvidia.com/gpu=0"])


def test_an_engine_on_another_machine_is_not_published_where_nobody_reaches_it():
    far = open_docker(docker_settings({"DOCKER_HOST": "tcp://10.1.2.3:2376"} | SETTINGS), ManualClock())
    with pytest.raises(UsageError, match="its own loopback"):
        far.prepare(LAUNCH, print)


def test_every_secret_stays_out_of_labels_and_arguments(world):
    instance_id = world.run(launch=replace(LAUNCH, env={"VLLM_API_KEY": Secret("sk-hidden")}))
    body = world.daemon.find(instance_id).body
    assert "sk-hidden" not in str(body["Labels"]) + str(body["Cmd"])


# An image that has to be pulled.


def test_an_image_that_is_there_is_not_pulled(world):
    world.provider.prepare(LAUNCH, print)
    assert "pull" not in world.daemon.calls


def test_the_pull_of_an_image_is_told_as_it_comes(world):
    world.daemon.images.clear()
    said = []

    def tell(words):
        said.append(words)
        world.clock.sleep(10)

    world.provider.prepare(LAUNCH, tell)
    assert said[0] == "asking the registry for vllm/vllm-openai:v0.25.1"
    assert "4.5 of 9.0 GB, vllm/vllm-openai:v0.25.1" in said
    assert said[-1] == "unpacking 9.0 GB, vllm/vllm-openai:v0.25.1"
    world.provider.prepare(LAUNCH, tell)
    assert world.daemon.calls.count("pull") == 1


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("manifest for vllm/vllm-openai:v0.25.1 not found: manifest unknown", "cannot get the image"),
        ("pull access denied for vllm, repository does not exist", "cannot get the image"),
        ("failed to register layer: write /x: no space left on device", "has no disk left"),
        ("toomanyrequests: You have reached your pull rate limit", "may pull no more"),
    ],
)
def test_an_image_that_cannot_be_had_says_why_and_creates_nothing(world, said, means):
    world.daemon.images.clear()
    world.daemon.pull = [{"status": "Pulling from vllm"}, {"error": said, "errorDetail": {"message": said}}]
    with pytest.raises(InvalidRequestError, match=means) as told:
        world.provider.prepare(LAUNCH, print)
    assert told.value.hint
    assert world.daemon.creates == 0


def test_a_pull_that_falls_silent_is_given_up(world):
    world.daemon.images.clear()
    world.daemon.fault("pull", "silent")
    with pytest.raises(UnreachableError, match="said nothing"):
        fetch(world.provider.daemon, LAUNCH.image, print, silent_s=0.2)
    world.daemon.hold.set()


# A create, whatever becomes of its answer.


@pytest.mark.parametrize(
    ("call", "do"),
    [("create", "500"), ("create", "close"), ("create", "truncated"), ("create", "html"), ("start", "close")],
)
def test_a_lost_answer_leaves_one_container_and_it_runs(world, call, do):
    world.daemon.fault(call, f"{do}_after_effect")
    instance_id = world.run()
    assert world.daemon.living() == [instance_id]
    assert world.daemon.creates == 1
    assert world.provider.instance(instance_id).state is InstanceState.RUNNING


def test_the_same_create_sent_again_finds_the_first_ones_container(world):
    offer = world.offer()
    assert world.run("token-1", offer) == world.run("token-1", offer)
    assert world.daemon.creates == 1


def test_a_container_of_the_same_name_that_is_not_ours_is_left_alone(world):
    offer = world.offer()
    world.daemon.find(world.run("token-1", offer)).body["Labels"].clear()
    with pytest.raises(ProviderError):
        world.run("token-1", offer)
    assert world.daemon.creates == 1


def test_a_create_that_never_happened_is_a_clear_no(world):
    world.daemon.fault("create", "500")
    with pytest.raises(CreateRefusedError) as told:
        world.run()
    assert told.value.instance_id is None
    assert world.daemon.living() == []


@pytest.mark.parametrize("call", ["list", "start"])
def test_who_may_create_and_not_go_on_is_told_which_container_to_remove(world, call):
    offer = world.offer()
    world.daemon.faults[call] = [None, "403"] if call == "list" else ["403"]  # the first list finds a free card
    with pytest.raises(CreateRefusedError, match="denied by plugin") as told:
        world.run(offer=offer)
    assert world.daemon.living() == [told.value.instance_id]


def test_a_create_that_was_refused_after_its_effect_is_found(world):
    world.daemon.fault("create", "403_after_effect")
    instance_id = world.run()
    assert world.daemon.living() == [instance_id]
    assert world.provider.instance(instance_id).state is InstanceState.RUNNING


def test_a_create_that_was_refused_and_never_happened_is_not_authorised(world):
    world.daemon.fault("create", "403")
    with pytest.raises(NotAuthorisedError, match="denied by plugin"):
        world.run()
    assert world.daemon.living() == []


def test_a_create_of_which_nothing_may_be_known_is_no_clear_no(world):
    world.daemon.fault("create", "403_after_effect")
    world.daemon.fault("inspect", "403")
    with pytest.raises(BadAnswerError, match="is not told"):
        world.run()


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ('could not select device driver "" with capabilities: [[gpu]]', "cannot hand GPUs to containers"),
        ("nvidia-container-cli: initialization error: driver rpc error", "cannot hand GPUs to containers"),
        ("CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=0", "cannot hand GPUs to containers"),
        ("driver failed programming external connectivity: Bind for 127.0.0.1:8000 failed: port is already allocated",
         "finds the port taken"),
        ("mkdir /var/lib/docker/overlay2/x: no space left on device", "has no disk left"),
        ("something nobody has heard of", "cannot start the container"),
    ],
)  # fmt: skip
def test_a_start_that_is_refused_names_the_cause_and_the_container_to_remove(world, said, means):
    world.daemon.fates.append(Fate(refuses_to_start=said))
    with pytest.raises(CreateRefusedError, match=means) as told:
        world.run()
    assert world.daemon.living() == [told.value.instance_id]
    assert "\n" not in told.value.message


# What a container is, and what became of it.


def test_a_container_is_read_with_its_exact_price_and_its_address(world):
    view = world.provider.instance(world.run(offer=world.offer(2)))
    assert (view.label, view.state, view.gpu_usd_per_hour) == ("token-1", InstanceState.RUNNING, Decimal("0.21"))
    assert (view.gpu_billing, view.disk_billing, view.disk_usd_per_hour) == (True, False, 0)
    assert view.addresses[8000].url.startswith("http://127.0.0.1:")
    assert requests.get(f"{view.addresses[8000].url}/health", timeout=60).status_code == 200


@pytest.mark.parametrize(
    ("fate", "state", "detail"),
    [
        (Fate(exits_with=1), InstanceState.FAILED, "its command ended with 1"),
        (Fate(exits_with=137), InstanceState.FAILED, "its command was killed"),
        (Fate(exits_with=137, out_of_memory=True), InstanceState.FAILED, "the machine ran out of memory and killed it"),
        (Fate(stays="paused"), InstanceState.STOPPED, "paused"),
        (Fate(stays="restarting"), InstanceState.STARTING, "restarting"),
        (Fate(stays="dead"), InstanceState.FAILED, "dead"),
        (Fate(stays="levitating"), InstanceState.OFFLINE, "levitating"),
    ],
)
def test_a_container_that_does_not_run_says_why_and_draws_nothing(world, fate, state, detail):
    world.daemon.fates.append(fate)
    view = world.provider.instance(world.run())
    assert (view.state, view.detail, view.gpu_billing, view.addresses) == (state, detail, False, {})
    assert list(world.provider.instances()) == [view]


def test_what_was_created_and_never_started_counts_as_failed_after_a_while(world):
    world.daemon.fates.append(Fate(refuses_to_start="no"))
    with pytest.raises(CreateRefusedError) as told:
        world.run()
    made = world.daemon.find(told.value.instance_id)
    made.error = ""
    assert world.provider.instance(made.id).state is InstanceState.PROVISIONING
    world.clock.sleep(121)
    assert world.provider.instance(made.id).state is InstanceState.FAILED


def test_other_peoples_containers_are_none_of_our_business(world):
    world.daemon.find(world.run("somebody-elses")).body["Labels"].clear()
    mine = world.run("token-1")
    assert [view.instance_id for view in world.provider.instances()] == [mine]


def test_a_log_is_both_streams_in_their_order_and_its_end(world):
    world.daemon.fates.append(Fate(log="one\ntwo\nthree\nünf\n"))
    instance_id = world.run()
    assert world.provider.logs(instance_id, 100) == "one\ntwo\nthree\nünf\n"
    assert world.provider.logs(instance_id, 2) == "three\nünf\n"
    assert world.provider.logs("nobody", 2) == ""


def test_a_log_that_never_ends_is_cut(world):
    line = "x" * 1023 + "\n"
    world.daemon.fates.append(Fate(log=line * 12_000))
    read = world.provider.logs(world.run(), 100_000)
    assert len(read) == 5000 * len(line)


def test_an_engine_that_dies_at_once_leaves_its_reason_behind(world):
    world.daemon.fates.append(Fate(exits_with=1, log="torch.OutOfMemoryError: CUDA out of memory. Tried to allocate\n"))
    assert fatal_in(world.provider.logs(world.run(), 100)) is not None


def test_a_destroyed_container_is_neither_shown_nor_destroyed_again(world):
    instance_id = world.run()
    assert world.provider.destroy(instance_id) is True
    assert world.provider.instance(instance_id) is None
    assert list(world.provider.instances()) == []
    assert world.provider.destroy(instance_id) is False
    assert world.daemon.living() == []


# A daemon in trouble.


@pytest.mark.parametrize("do", ["500", "close", "html", "truncated"])
def test_a_listing_that_cannot_be_read_is_an_error_and_never_empty(world, do):
    world.run()
    world.daemon.fault("list", do)
    with pytest.raises(ProviderError) as told:
        world.provider.instances()
    assert "\n" not in str(told.value)
    assert len(world.provider.instances()) == 1


@pytest.mark.filterwarnings("ignore:unclosed")
@pytest.mark.usefixtures("_sockets_left_behind")
def test_a_daemon_that_is_gone_is_said_and_proves_nothing(world):
    instance_id = world.run()
    world.daemon.stop()
    for call in (
        world.provider.instances, world.provider.account, lambda: world.provider.instance(instance_id),
        lambda: world.provider.destroy(instance_id), lambda: world.provider.logs(instance_id, 5),
    ):  # fmt: skip
        with pytest.raises(UnreachableError, match="no Docker daemon answers at unix://"):
            call()


@pytest.mark.filterwarnings("ignore:unclosed")
@pytest.mark.usefixtures("_sockets_left_behind", "world")  # the world allows sockets of files
def test_a_daemon_that_was_never_there_is_said(tmp_path):
    provider = open_docker(docker_settings({"DOCKER_HOST": f"unix://{tmp_path}/none.sock"} | SETTINGS), ManualClock())
    with pytest.raises(UnreachableError, match="no Docker daemon answers"):
        provider.search(QUERY)


def test_a_daemon_that_does_not_answer_in_time_is_said(world):
    instance_id = world.run()
    client = world.provider.daemon.client()
    world.daemon.fault("destroy", "silent")
    client.timeout, patient_s = 0.2, client.timeout
    with pytest.raises(UnreachableError, match="in time"):
        world.provider.destroy(instance_id)
    client.timeout = patient_s
    world.daemon.hold.set()
    assert world.provider.instance(instance_id) is not None


@pytest.mark.parametrize(
    ("error", "means", "says"),
    [
        (requests.ConnectionError("Connection aborted.", PermissionError(13, "Permission denied")),
         NotAuthorisedError, "may not speak"),
        (requests.ConnectionError("Connection refused"), UnreachableError, "no Docker daemon answers"),
        (requests.ReadTimeout("60 s"), UnreachableError, "in time"),
        (requests.JSONDecodeError("half", "", 0), BadAnswerError, "cannot be read"),
        (KeyError("Id"), BadAnswerError, "cannot be read"),
        (docker.errors.InvalidVersion("too old"), UsageError, "too old"),
        (RuntimeError("a new kind"), BadAnswerError, "a new kind"),
        (docker.errors.DockerException("Invalid bind address protocol: foo"), BadAnswerError, "address protocol: foo"),
        (_wrapped(InitializationError("docker-credential-desktop.exe not installed")), BadAnswerError,
         "docker-credential-desktop.exe not installed"),
        (_wrapped(requests.ConnectionError("refused")), UnreachableError, "no Docker daemon answers"),
        (_wrapped(requests.ConnectionError("Aborted", PermissionError(13, "Permission denied"))), NotAuthorisedError,
         "may not speak"),
    ],
)  # fmt: skip
def test_every_failure_of_the_sdk_has_a_sentence_of_ours(error, means, says):
    told = explain(error, "unix:///d.sock")
    assert type(told) is means
    assert says in told.message
    assert told.hint


def test_another_address_that_cannot_be_meant_is_one_sentence():
    provider = open_docker(docker_settings({"DOCKER_HOST": "what://is this"} | SETTINGS), ManualClock())
    with pytest.raises(BadAnswerError, match="Invalid bind address") as told:
        provider.instances()
    assert "\n" not in told.value.message


def test_a_daemon_that_does_not_say_who_it_is_is_no_account(world):
    assert world.provider.account() == "I6CA:FQ4Y"
    world.daemon.info = {"ID": ""}
    with pytest.raises(BadAnswerError):
        world.provider.account()


def test_nobody_sends_a_bill_and_the_ledger_knows(world):
    assert world.provider.capabilities.bills is (world.provider.name not in NEVER_BILLED) is False
    with pytest.raises(InvalidRequestError):
        world.provider.balance_usd()
    assert list(world.provider.price_proposals()) == []


def test_where_a_person_looks_is_a_command_that_can_be_typed(world):
    assert "docker rm --force abc`" in world.provider.console_url("abc")
    assert "docker ps --all" in world.provider.console_url("")
