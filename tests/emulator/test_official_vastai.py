"""The vendor's own client is the judge: where it and the emulator disagree, the emulator is wrong.

`vastai` lives in an environment of its own.
"""

import json
import os
import subprocess

import pytest

from cloudgpu.emulator import process
from tests.emulator.clients import installed

pytestmark = [pytest.mark.official, pytest.mark.slow]

VERSION = "1.9.1"
IMAGE = "vllm/vllm-openai:v0.25.1"
SPEED = 0  # a clock that stands: hours pass in no time
IN_THE_CLIENT = """
import json, sys
import requests
from vastai import VastAI
vast = VastAI(api_key=sys.argv[1])

def rent(query, **wish):
    # Offer ids change under everybody's feet: who meets a gone one searches again.
    for attempt in range(3):
        offers = vast.search_offers(query=query, order="dph_total", storage=wish["disk"])
        try:
            return vast.create_instance(id=offers[0]["id"], **wish)
        except requests.HTTPError as error:
            if error.response.status_code not in (400, 404, 410):
                raise
    raise SystemExit("three searches in a row ended in a gone offer")

{script}
"""


@pytest.fixture(scope="module")
def vastai():
    """The folder of the client's programs; installed on the first run only."""
    return installed(f"vastai-{VERSION}", f"vastai=={VERSION}", "setuptools")


@pytest.fixture
def emulator(tmp_path):
    """A market of its own for each test, so that none inherits another's instances."""
    yield process.start(tmp_path / "state", speed=SPEED)
    process.stop(tmp_path / "state")


@pytest.fixture
def client(vastai, emulator, tmp_path):
    """Runs a script in the client's Python, with `vast` in it; what it prints last as JSON is the answer."""

    def run(script):
        command = [str(vastai / "python"), "-c", IN_THE_CLIENT.format(script=script), emulator.api_key.reveal()]
        return json.loads(_run(command, emulator, tmp_path).splitlines()[-1])

    return run


@pytest.fixture
def command_line(vastai, emulator, tmp_path):
    """Runs `vastai …` and returns what it printed."""
    return lambda *arguments: _run([str(vastai / "vastai"), *arguments], emulator, tmp_path)


def _run(command, emulator, home):
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(home), "VAST_URL": emulator.url,
        "VAST_API_KEY": emulator.api_key.reveal(), "NO_COLOR": "1", "COLUMNS": "200",
    }  # fmt: skip
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stdout.startswith('{"error"'), done.stdout
    assert '"status_code"' not in done.stderr, done.stderr
    return done.stdout


def create(label):
    return f"""
made = rent("gpu_name=RTX_4090 num_gpus=1 cuda_vers>=13 inet_down>300 disk_space>=60",
    image="{IMAGE}", disk=60, label="{label}", cancel_unavail=True,
    env={{"-p 8000:8000": "1", "VLLM_API_KEY": "sk-1"}},
    args=["--model", "mistralai/Mistral-7B-Instruct-v0.2", "--max-model-len", "8192"])
"""


def test_it_searches_with_its_query_language(client):
    rows = client(
        "print(json.dumps(vast.search_offers(query='gpu_name=RTX_4090 num_gpus>=1 reliability>0.95 gpu_ram>=20',"
        " order='dph_total', storage=100)))"
    )
    assert rows
    assert {row["gpu_name"] for row in rows} == {"RTX 4090"}
    assert all(row["reliability"] > 0.95 and row["disk_space"] >= 100 for row in rows)
    assert [row["dph_total"] for row in rows] == sorted(row["dph_total"] for row in rows)


def test_it_creates_lists_shows_reads_logs_and_destroys(client, emulator):
    created = client(create("official-1") + "print(json.dumps(made))")
    instance_id = created["new_contract"]
    assert created["success"]
    emulator.clock().sleep(1500)
    shown = client(f"print(json.dumps([vast.show_instance({instance_id}), vast.show_instances()]))")
    one, every = shown
    assert (one["actual_status"], one["label"], one["extra_env"]["VLLM_API_KEY"]) == ("running", "official-1", "sk-1")
    assert [row["id"] for row in every] == [instance_id]
    assert one["ports"]["8000/tcp"][0]["HostPort"].isdigit()
    log = client(f"print(json.dumps(vast.logs({instance_id}, tail='100')))")
    assert "Application startup complete" in log
    gone = client(f"print(json.dumps([vast.destroy_instance({instance_id}), vast.show_instance({instance_id})]))")
    assert gone == [{"success": True}, None]
    assert client("print(json.dumps(vast.show_instances()))") == []


def test_it_labels_stops_and_starts(client):
    script = (
        create("official-2") + "i = made['new_contract']; vast.label_instance(i, 'renamed'); vast.stop_instance(i)\n"
    )
    script += "stopped = vast.show_instance(i); vast.start_instance(i); started = vast.show_instance(i)\n"
    script += "vast.destroy_instance(i); print(json.dumps([stopped, started]))"
    stopped, started = client(script)
    assert (stopped["label"], stopped["intended_status"]) == ("renamed", "stopped")
    assert started["intended_status"] == "running"


def test_its_pages_follow_one_another(client):
    script = """
made = [rent("num_gpus=1", image="ubuntu:24.04", disk=20, label="many", ssh=True)["new_contract"] for _ in range(27)]
seen = [row["id"] for row in vast.show_instances()]
vast.destroy_instance(made)
print(json.dumps([sorted(made), sorted(seen), vast.show_instances()]))
"""
    made, seen, left = client(script)
    assert made == seen
    assert len(made) == 27
    assert left == []


def test_it_reads_the_money_the_account_and_the_charges(client, emulator):
    script = create("official-3") + "print(json.dumps(made['new_contract']))"
    instance_id = client(script)
    emulator.clock().sleep(1500)
    client(f"print(json.dumps(vast.destroy_instance({instance_id})))")
    span = "charges=True, start_date=1, end_date=10**10, limit=100, charge_type=['instance']"
    read = f"print(json.dumps([vast.show_invoices_v1({span}), vast.show_user(), vast.show_invoices()]))"
    page, user, old = client(read)
    row = next(row for row in page["results"] if row["source"] == f"instance-{instance_id}")
    assert row["metadata"]["label"] == "official-3"
    assert {item["type"] for item in row["items"]} == {"gpu", "disk", "bwd"}
    bill = float(process.call(emulator, "GET", "/emulator/bill")["total_usd"])
    assert sum(row["amount"] for row in page["results"]) == pytest.approx(bill, abs=1e-9)
    assert user["credit"] == pytest.approx(1000 - bill, abs=1e-6)
    assert sum(row["amount"] for row in old["invoices"]) == pytest.approx(bill, abs=1e-9)


def test_its_command_line_searches_and_shows(command_line, client, emulator):
    rows = json.loads(command_line("search", "offers", "gpu_name=RTX_3090", "num_gpus=1", "--raw"))
    assert {row["gpu_name"] for row in rows} == {"RTX 3090"}
    assert "RTX_3090" in command_line("search", "offers", "gpu_name=RTX_3090").replace(" ", "_")
    instance_id = client(create("official-4") + "print(json.dumps(made['new_contract']))")
    shown = json.loads(command_line("show", "instance", str(instance_id), "--raw"))
    assert shown["label"] == "official-4"
    assert str(instance_id) in command_line("show", "instances")
    assert json.loads(command_line("show", "user", "--raw"))["email"] == "emulator@localhost"
    emulator.clock().sleep(600)
    command_line("destroy", "instance", str(instance_id), "-y")
    assert json.loads(command_line("show", "instances", "--raw")) == []
    table = command_line(
        "show", "invoices-v1", "--charges", "--start-date", "2020-01-01", "--end-date", "2090-01-01", "-l", "100"
    )
    assert str(instance_id) in table


def test_a_wrong_key_is_refused_as_the_client_expects(vastai, emulator, tmp_path):
    script = (
        "try:\n    vast.show_instances()\nexcept requests.HTTPError as error:\n"
        "    print(json.dumps([error.response.status_code, error.response.json()['error']]))"
    )
    command = [str(vastai / "python"), "-c", IN_THE_CLIENT.format(script=script), "wrong"]
    assert json.loads(_run(command, emulator, tmp_path).splitlines()[-1]) == [404, "auth_error"]


def test_a_create_that_times_out_is_sent_three_times_by_this_client(client, emulator):
    """Why our own adapter does not build on it: one wish, up to three rentals."""
    for _ in range(2):
        process.call(emulator, "POST", "/emulator/faults", {"on": "create", "do": "504_after_effect"})
    create_once = (
        "offer = vast.search_offers(query='num_gpus=1', order='dph_total', storage=20)[0]\n"
        "try:\n    vast.create_instance(id=offer['id'], image='ubuntu:24.04', disk=20, label='storm', ssh=True)\n"
        "except requests.HTTPError as error:\n    print(json.dumps(str(error)))"
    )
    answer = client(create_once)
    rows = client(
        "rows = vast.show_instances(); [vast.destroy_instance(r['id']) for r in rows]; print(json.dumps(rows))"
    )
    process.call(emulator, "DELETE", "/emulator/faults")
    assert "404" in answer or "no_such_ask" in answer  # the second try finds the offer gone: rented by the first
    assert [row["label"] for row in rows] == ["storm"]


def test_it_bids_is_outbid_and_bids_more(client, emulator):
    made, least = client(
        "offer = vast.search_offers(query='gpu_name=RTX_4090 num_gpus=1 cuda_vers>=13 disk_space>=60', type='bid',"
        " order='dph_total', storage=60)[0]\n"
        "made = vast.create_instance(id=offer['id'], image='ubuntu:24.04', disk=60, label='bid', ssh=True,"
        " price=offer['min_bid'] * 1.1)\n"
        "print(json.dumps([made['new_contract'], offer['min_bid']]))"
    )
    script = {"on": "instance", "do": "outbid", "instance_id": made, "after_s": 0}
    process.call(emulator, "POST", "/emulator/faults", script)
    lost, won = client(
        f"lost = vast.show_instance({made}); vast.change_bid({made}, {least} * 1.5)\n"
        f"print(json.dumps([lost, vast.show_instance({made})]))"
    )
    assert (lost["is_bid"], lost["intended_status"]) == (True, "stopped")
    assert (won["intended_status"], won["dph_base"]) == ("running", pytest.approx(least * 1.5))


def test_it_shows_turns_down_and_accepts_a_price_increase(client, emulator):
    instance_id = client(create("official-5") + "print(json.dumps(made['new_contract']))")

    def propose():
        script = {"on": "instance", "do": "price_proposal", "instance_id": instance_id, "after_s": 0}
        process.call(emulator, "POST", "/emulator/faults", script)

    propose()
    pending, rejected, left = client(
        f"pending = vast.show_pending_price_increases(); rejected = vast.reject_price_increase({instance_id})\n"
        "print(json.dumps([pending, rejected, vast.show_pending_price_increases()['count']]))"
    )
    row = pending["pending_price_increases"][0]
    assert (row["contract_id"], rejected["contract_id"], left) == (instance_id, instance_id, 0)
    assert row["new_gpu_costpersec"] == pytest.approx(row["old_gpu_costpersec"] * 1.5)
    propose()
    before, accepted, after = client(
        f"before = vast.show_instance({instance_id}); accepted = vast.accept_price_increase({instance_id})\n"
        f"print(json.dumps([before, accepted, vast.show_instance({instance_id})]))"
    )
    assert accepted["success"]
    assert after["end_date"] > before["end_date"]
    assert after["dph_base"] == before["dph_base"]  # the new price begins when the contract would have ended


def test_it_reboots_and_finds_its_contracts_by_label(client):
    script = create("official-6") + "i = made['new_contract']; again = vast.reboot_instance(i)\n"
    script += "print(json.dumps([again, i, vast.fetch_contracts(label='official-6'), vast.recycle_instance(i)]))"
    again, instance_id, found, recycled = client(script)
    assert again["success"]
    assert recycled["success"]
    assert [row["id"] for row in found] == [instance_id]


def test_its_command_line_rents_labels_stops_and_reads_logs(command_line, emulator):
    rows = json.loads(
        command_line("search", "offers", "gpu_name=RTX_4090 num_gpus=1 cuda_vers>=13 disk_space>=60", "--raw")
    )
    made = json.loads(
        command_line(
            "create", "instance", str(rows[0]["id"]), "--image", IMAGE, "--disk", "60", "--label", "typed",
            "--env", "-p 8000:8000 -e VLLM_API_KEY=sk-1", "--cancel-unavail", "--raw",
            "--args", "--model", "Qwen/Qwen3-0.6B", "--max-model-len", "4096",
        )
    )  # fmt: skip
    instance_id = str(made["new_contract"])
    emulator.clock().sleep(1500)
    assert "Application startup complete" in command_line("logs", instance_id)
    command_line("label", "instance", instance_id, "renamed")
    command_line("stop", "instance", instance_id)
    shown = json.loads(command_line("show", "instance", instance_id, "--raw"))
    assert (shown["label"], shown["intended_status"]) == ("renamed", "stopped")


def test_it_waits_as_long_as_it_is_told_but_not_for_tomorrow(client, emulator):
    def fault(do):
        process.call(emulator, "POST", "/emulator/faults", {"on": "search", "do": do})

    fault("429_retry_after")
    found = client("print(json.dumps(len(vast.search_offers(query='num_gpus=1', storage=20))))")
    assert found > 0
    fault("search_quota")
    search_once = (
        "try:\n    vast.search_offers(query='num_gpus=1', storage=20)\n"
        "except requests.HTTPError as error:\n    print(json.dumps(error.response.json()['error']))"
    )
    assert client(search_once) == "search_quota_exceeded"
