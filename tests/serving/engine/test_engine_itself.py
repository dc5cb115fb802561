"""Every installed vLLM release takes what we write, and refuses what lint calls an error: its own code, truly run."""

import sys

import pytest

from cloudgpu.serving.lint.releases.flag_table import samples
from tests.serving.engine.cases import cases
from tests.serving.engine.install import python_of
from tests.serving.engine.judge import ask, wrong_flags

pytestmark = pytest.mark.engine
INSTALLED = [each for each in samples() if python_of(each)]


@pytest.mark.skipif(not INSTALLED, reason="no release installed: python tests/serving/engine/install.py 0.33.0")
@pytest.mark.parametrize("release", INSTALLED)
def test_a_release_says_itself_what_we_say_of_it(release, capsys):
    asked = cases(release)
    with capsys.disabled():
        said = ask(release, asked, tell=sys.stderr.write)
    assert len(said.verdicts) == len(asked)
    assert [(each.case, each.refused) for each in said.verdicts if not each.agrees] == []
    assert wrong_flags(release, said.flags) == []
