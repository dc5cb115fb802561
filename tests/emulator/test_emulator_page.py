"""docs/emulator.md says what is so: its example runs, its table is the code's, every test that it names exists."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from tests.emulator import fault_table

PAGE = fault_table.PAGE.read_text(encoding="utf-8")
EXAMPLE = PAGE.partition("<!-- example -->\n```yaml\n")[2].partition("```")[0]


def test_the_table_of_faults_is_the_codes_own():
    assert fault_table.written() == fault_table.table(), "python -m tests.emulator.fault_table writes it anew"


def test_every_test_that_the_page_names_exists():
    fidelity = PAGE.partition("<!-- fidelity -->")[2].partition("<!-- /fidelity -->")[0]
    named = set(re.findall(r"`(test_\w+)`", fidelity))
    sources = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    assert len(named) > 40
    assert {name for name in named if f"def {name}(" not in sources} == set()


def test_the_example_script_does_what_its_comments_say(rig, emulator, tmp_path):
    path = tmp_path / "faults.yaml"
    path.write_text(EXAMPLE, encoding="utf-8")
    rig.fault_file(path)
    assert emulator.call("GET", "/emulator/status").json()["seed"] == 7
    waiting = [(row["on"], row["do"]) for row in emulator.call("GET", "/emulator/faults").json()["faults"]]
    assert len(waiting) == EXAMPLE.count("{") - 1  # a change of the market is no fault that waits
    before = retried(emulator.offer)
    assert emulator.create(before).status_code in (429, 502)
    while not rig.rented():  # the first may have been one call in twenty
        emulator.pass_time(10)
        emulator.create(retried(emulator.offer))
    assert len(rig.ever_rented()) == 1  # it rented, and answered as if it had not
    emulator.pass_time(1800)
    assert rig.rented()[0].stage == "outbid"
    emulator.pass_time(1800)
    assert rig.rented()[0].stage in ("running", "serving")
    again = retried(lambda: emulator.search(machine_id={"eq": before["machine_id"]}, rentable={"eq": "any"})[0])
    assert again["dph_base"] / again["num_gpus"] == before["dph_base"] / before["num_gpus"] * Decimal("1.25")


def retried(ask):
    """An answer past one 429 in twenty and the limits, which the script enforces."""
    for _ in range(5):
        try:
            return ask()
        except AssertionError:
            continue
    raise AssertionError("five refusals in a row")


@pytest.mark.parametrize("command", re.findall(r"^(cloudgpu emulator \w+(?: \w+)?)", PAGE, re.MULTILINE))
def test_every_command_of_the_page_exists(command):
    from typer.testing import CliRunner

    from cloudgpu.cli.main import app

    words = [word for word in command.split()[1:] if not word.isdigit()]
    words = words[: 3 if words[1] == "fault" else 2]
    assert CliRunner().invoke(app, [*words, "--help"]).exit_code == 0
