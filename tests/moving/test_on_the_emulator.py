"""The whole way over HTTP, on the emulator: migrate, roll back, finalize, account; and what a kill leaves behind."""

import csv
import io
import json
import os
import signal
from decimal import Decimal

import pytest
from emulated_service import TO_QWEN, Market

from cloudgpu.emulator import process
from cloudgpu.moving import address


@pytest.fixture
def market(tmp_path):
    markets = []

    def open_market(speed):
        made = Market(tmp_path, speed=0)
        markets.append(made)
        made.run("up", "mistral", "--provider", "emulator", "--yes")
        if speed:
            made.go_on(speed)
        return made

    yield open_market
    for made in markets:
        made.session.store.close()
        process.stop(made.state_dir)


@pytest.mark.slow
def test_migrate_rollback_finalize_and_an_export_that_equals_the_bill(market):
    here = market(speed=0)
    here.run(*TO_QWEN, "--max-price", "0.01", status=3)
    told = json.loads(here.run(*TO_QWEN, "--json"))["migration"]
    assert (told["state"], told["serving"], here.serving()) == ("promoted", "qwen-14b", "qwen-14b")
    assert {each["gate"] for each in told["verdict"]["checks"]} >= {"readiness", "bench", "quality", "stability"}
    assert len(here.alive()) == 2

    here.run("migrate", "rollback")
    assert (here.serving(), len(here.bill()["instances"])) == ("mistral", 2)

    here.run(*TO_QWEN)
    assert (here.serving(), len(here.bill()["instances"])) == ("qwen-14b", 2)

    here.run("migrate", "finalize", "--yes")
    (left,) = here.alive()
    assert left["model"] == "Qwen/Qwen2.5-14B-Instruct"

    told = json.loads(here.run("down", "qwen-14b", "--yes", "--json"))
    assert told["withdrawn"] == ["mistral"]
    assert not address.env_path("mistral", here.state_dir).exists()
    assert here.alive() == []
    rows = list(csv.DictReader(io.StringIO(here.run("cost", "export", "--format", "csv"))))
    assert {row["source"] for row in rows} == {"provider"}
    assert sum(Decimal(row["total_usd"]) for row in rows) == Decimal(here.bill()["total_usd"]) > 0
    told = json.loads(here.run("cost", "--json"))
    assert told["total"]["usd"]["total"] == here.bill()["total_usd"]


@pytest.mark.slow
def test_a_kill_while_the_new_side_comes_up_is_continued_without_a_second_rental(market):
    here = market(speed=20)
    running = here.begin(*TO_QWEN)
    here.wait_until(lambda: len(here.alive()) == 2, "the new side was rented")
    running.kill()
    running.communicate()
    assert here.serving() == "mistral"
    here.go_on(speed=0)
    here.run("migrate", "resume")
    assert (here.serving(), len(here.bill()["instances"])) == ("qwen-14b", 2)
    here.run("migrate", "rollback")
    here.run("migrate", "finalize", "--yes")
    assert [each["model"] for each in here.alive()] == ["mistralai/Mistral-7B-Instruct-v0.2"]


@pytest.mark.slow
def test_ctrl_c_while_the_new_side_comes_up_leaves_the_old_one_alone(market):
    here = market(speed=20)
    running = here.begin(*TO_QWEN)
    here.wait_until(lambda: len(here.alive()) == 2, "the new side was rented")
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=300)
    assert running.returncode == 1
    assert "Traceback" not in err
    assert here.serving() == "mistral"
    assert len(here.alive()) == 1
    assert json.loads(here.run("migrate", "status", "--json"))["migration"]["state"] == "aborted"


@pytest.mark.slow
def test_an_emulator_that_dies_in_the_middle_leaves_a_migration_that_can_be_closed(market):
    here = market(speed=60)
    running = here.begin(*TO_QWEN)
    here.wait_until(lambda: len(here.alive()) == 2, "the new side was rented")
    os.kill(here.status.pid, signal.SIGKILL)
    _, err = running.communicate(timeout=300)
    assert running.returncode == 6
    assert "Traceback" not in err
    assert "may still bill" in err
    assert "cleanup_failed" in here.run("migrate", "status", status=6)
    here.run("cost", status=6)
    here.status = process.start(here.state_dir, speed=0)
    here.run("migrate", "resume")
    assert len(here.alive()) == 1
    assert here.serving() == "mistral"
