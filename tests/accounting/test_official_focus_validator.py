"""The FinOps Foundation's validator reads our FOCUS export: it is the judge of its form.

It needs Python 3.12 and lives in an environment of its own, made once under CLOUDGPU_TEST_CACHE. It exits with 0
whatever it finds, so its JUnit counts are read.
"""

import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from test_focus import book

from cloudgpu.accounting.exports.focus import focus_text
from tests.emulator.clients import installed

pytestmark = [pytest.mark.official, pytest.mark.slow]

VERSION = "2.2.1"
SUPPORTED = (
    "ACCOUNT_NAMING_SUPPORTED", "MULTIPLE_PRICING_CATEGORIES_SUPPORTED", "USAGE_MEASUREMENT_SUPPORTED",
    "UNIT_PRICING_SUPPORTED", "BILLING_BASED_ON_PROVISIONED_RESOURCES_SUPPORTED",
    "RESOURCE_TYPE_ASSIGNMENT_SUPPORTED", "REGION_SUPPORTED", "TAGGING_SUPPORTED", "NEGOTIATED_PRICING_SUPPORTED",
)  # fmt: skip
CONTRADICTION = "InvoiceId-C-005-C"
"""A null InvoiceId fails this rule and a value fails InvoiceId-C-004-C: no file passes both."""


@pytest.fixture(scope="module")
def validator():
    """The folder of its package, which it wants as its working directory, and its program."""
    python = _python()
    if python is None:
        pytest.skip("focus-validator needs Python 3.12, which is not on this machine")
    programs = installed(f"focus-validator-{VERSION}", f"focus-validator=={VERSION}", "pyarrow<22", python=python)
    return next(programs.parent.glob("lib/python3.12/site-packages")), programs / "focus-validator"


def _python():
    """A Python 3.12: on the path, or one that pyenv keeps (its shims run only what is chosen)."""
    pyenv = Path(shutil.which("pyenv") or "/nowhere").resolve().parents[1] / "versions"
    found = [shutil.which("python3.12"), *map(str, sorted(pyenv.glob("3.12.*/bin/python")))]
    for each in filter(None, found):
        if subprocess.run([each, "--version"], capture_output=True, check=False).returncode == 0:
            return each
    return None


def failures(validator, path):
    """The ids of the rules that failed, and how many were checked and passed."""
    packages, program = validator
    out = path.with_suffix(".xml")
    command = [
        str(program), "--data-file", str(path), "--validate-version", "1.2", "--block-download", "--focus-dataset",
        "CostAndUsage", "--output-type", "unittest", "--output-destination", str(out), "--applicability-criteria",
        ",".join(SUPPORTED),
    ]  # fmt: skip
    subprocess.run(command, cwd=packages, capture_output=True, check=True, timeout=300)
    cases = [*ElementTree.parse(out).getroot().iter("testcase")]
    failed = {case.get("name").split(" ")[0] for case in cases if case.find("failure") is not None}
    passed = sum(case.find("failure") is None and case.find("skipped") is None for case in cases)
    return failed, passed


def test_it_finds_nothing_but_its_own_contradiction(validator, tmp_path):
    (tmp_path / "costs.csv").write_text(focus_text(book()), encoding="utf-8")
    failed, passed = failures(validator, tmp_path / "costs.csv")
    assert failed == {CONTRADICTION}
    assert passed > 200


def test_it_would_find_a_wrong_currency_and_a_missing_column(validator, tmp_path):
    text = focus_text(book())
    (tmp_path / "broken.csv").write_text(text.replace(",USD,", ",DOLLARS,"), encoding="utf-8")
    assert any(rule.startswith("BillingCurrency") for rule in failures(validator, tmp_path / "broken.csv")[0])
