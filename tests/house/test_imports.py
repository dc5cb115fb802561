"""Start-up is a feature: what `--help` and an offline `plan` may import is written down here."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from cloudgpu.base.events import Event, EventKind
from cloudgpu.running.store import Store

ALLOWED = {
    "typer",
    "click",
    "rich",
    "shellingham",
    "annotated_doc",
    "typing_extensions",
    "markdown_it",
    "mdurl",
    "pygments",
    "attr",  # rich looks whether it is there, and jsonschema brings it
}
FORBIDDEN_WINGS = {"cloudgpu.running", "cloudgpu.moving", "cloudgpu.emulator", "cloudgpu.accounting"}
PROBE = """
import json, sys
before = set(sys.modules)
sys.argv = ["cloudgpu", *{arguments!r}]
import io, contextlib
out = io.StringIO()
with contextlib.redirect_stdout(out):
    try:
        from cloudgpu.cli.main import main
        main()
    except SystemExit as end:
        status = end.code
sys.stderr.write(json.dumps({{"status": status, "modules": sorted(set(sys.modules) - before)}}))
"""


@pytest.mark.parametrize("arguments", [["--help"], ["plan", "qwen-14b"], ["plan", "qwen-14b", "--json"]], ids=" ".join)
def test_nothing_is_imported_that_the_answer_does_not_need(arguments, tmp_path):
    modules = _modules(arguments, tmp_path)
    foreign = {m.split(".")[0] for m in modules} - set(sys.stdlib_module_names) - {"cloudgpu"}
    assert {m for m in foreign if not m.startswith("_")} <= ALLOWED
    assert not {m for m in modules if ".".join(m.split(".")[:2]) in FORBIDDEN_WINGS}


def test_help_loads_no_wing_but_the_command_line(tmp_path):
    wings = {m.split(".")[1] for m in _modules(["--help"], tmp_path) if m.startswith("cloudgpu.")}
    assert wings <= {"cli", "base"}


def test_a_report_on_what_is_over_loads_neither_the_database_library_nor_a_provider(tmp_path):
    """Nothing is rented and all was read: there is nobody to ask, and `cloudgpu cost` takes as long as `--help`."""
    (tmp_path / ".local" / "state" / "cloudgpu").mkdir(parents=True)
    store = Store(f"sqlite:///{tmp_path / '.local' / 'state' / 'cloudgpu' / 'cloudgpu.db'}")
    at = datetime(2020, 3, 1, 12, tzinfo=UTC)
    whose = {"provider": "vast", "deployment": "mistral", "token": "t-1", "instance_id": "7001"}
    for kind in ("intended", "created", "ready", "gone"):
        store.append(Event(kind=EventKind(kind), at=at, data={}, **whose))
    store.append(Event(kind=EventKind.BALANCE, at=at + timedelta(hours=1), provider="vast", data={"usd": "50"}))
    store.close()
    loaded = {module.split(".")[0] for module in _modules(["cost"], tmp_path)}
    assert not loaded & {"sqlalchemy", "requests", "pydantic"}


def _modules(arguments: list[str], home) -> list[str]:
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(arguments=arguments)],
        capture_output=True, text=True, env=environment, timeout=300, check=True,
    )  # fmt: skip
    report = json.loads(done.stderr.splitlines()[-1])
    assert report["status"] == 0
    return report["modules"]
