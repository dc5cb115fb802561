"""A file system that is really full: told in one sentence, the old file as it was, nothing left behind."""

import json
import os
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from cloudgpu.base.events import Event, EventKind
from cloudgpu.running.store import Store

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
RENTED = {"model": "m", "gpu": "RTX 4090", "gpu_usd_per_hour": "0.36", "disk_usd_per_hour": "0.018"}


@pytest.fixture
def small(tmp_path):
    """A file system of a megabyte of its own."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    place = tmp_path / "small"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "cloudgpu-test", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"this machine mounts nothing for us: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture
def state(tmp_path):
    """A journal elsewhere, with a rental in it."""
    return journal(tmp_path / "state")


def journal(folder):
    (folder / "cloudgpu").mkdir(parents=True)
    store = Store(f"sqlite:///{folder / 'cloudgpu' / 'cloudgpu.db'}")
    for kind, minute in (("intended", 0), ("created", 1), ("observed", 5), ("ready", 7), ("gone", 59)):
        data = {**RENTED, "state": "ready", "gpu_billing": True, "disk_billing": True} if minute in (0, 5) else {}
        event = Event(kind=EventKind(kind), at=AT.replace(minute=minute), deployment="mistral", provider="vast",
                      token="t-1", instance_id="7001", data=data)  # fmt: skip
        store.append(event)
    store.close()
    return folder


def fill(place):
    with (place / "filler").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 4096)


def cloudgpu(state, *words, stdout=subprocess.PIPE):
    environment = {"HOME": str(state), "XDG_STATE_HOME": str(state), "PATH": os.environ["PATH"], "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "cloudgpu", *map(str, words)], env=environment, stdout=stdout, stderr=subprocess.PIPE,
        text=True, check=False, timeout=300,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "json", "jsonl", "md", "html", "focus", "xlsx", "parquet"])
def test_an_export_onto_a_full_file_system_leaves_the_old_file_as_it_was(small, state, form):
    target = small / "costs"
    target.write_text("precious")
    fill(small)
    done = cloudgpu(state, "cost", "export", "--offline", "--force", "-f", form, "-o", target)
    assert done.returncode == 2
    assert f"{target} cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert target.read_text() == "precious"
    assert sorted(path.name for path in small.iterdir()) == ["costs", "filler"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("plan", "qwen-14b", "--offline", "--force", "--out"),
        ("offers", "record", "--offline", "--force", "--out"),
        ("render", "qwen-14b", "--force", "-o"),
        ("metrics", "targets", "-o"),
    ],
    ids=lambda words: words[0],
)
def test_so_does_every_other_command_that_writes_a_file(small, state, words):
    target = small / "file"
    target.write_text("precious")
    fill(small)
    done = cloudgpu(state, *words, target)
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert target.read_text() == "precious"
    assert sorted(path.name for path in small.iterdir()) == ["file", "filler"]


@pytest.mark.slow
def test_a_journal_on_a_full_file_system_keeps_what_it_has_and_says_why_nothing_is_added(small):
    state = journal(small / "state")
    fill(small)
    done = cloudgpu(state, "cost", "top-up", "50", "--provider", "vast")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "full" in done.stderr
    (small / "filler").unlink()
    told = json.loads(cloudgpu(state, "cost", "--offline", "--json").stdout)
    assert told["total"]["usd"]["gpu"] == "0.324"
    assert cloudgpu(state, "cost", "top-up", "50", "--provider", "vast").returncode == 0


@pytest.mark.parametrize("words", [("models",), ("gpus", "--json"), ("cost", "--offline", "--json")], ids=" ".join)
def test_what_is_printed_onto_a_full_file_system_is_one_sentence(state, words):
    with open("/dev/full", "w") as full:
        done = cloudgpu(state, *words, stdout=full)
    assert done.returncode == 1
    assert "the output cannot be written: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert "ignored" not in done.stderr
