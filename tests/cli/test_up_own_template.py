"""A template of one's own is filled and judged before anything is rented for it."""

import re

import pytest

from cloudgpu.base.data import data_dir
from cloudgpu.base.errors import UsageError
from cloudgpu.cli.up.own_template import refuse_errors
from cloudgpu.serving.asked import PLAIN, Asked
from cloudgpu.serving.template_folders import find_template, template_paths
from tests.serving.planning import planned

TEXT = (data_dir("templates") / "vllm.yaml").read_text(encoding="utf-8")
MISSPELT = TEXT.replace("--max-model-len", "--max-modell-len")


@pytest.fixture
def own(tmp_path):
    """What is asked with a template of this text."""

    def write(text):
        path = tmp_path / "mine.yaml"
        path.write_text(re.sub(r"^name: .*", "name: mine", text, flags=re.MULTILINE), encoding="utf-8")
        return Asked(template=find_template(str(path)))

    return write


def test_a_flag_that_the_engine_does_not_know_is_refused(own):
    with pytest.raises(UsageError, match=r"template mine would not start: V45, .*--max-modell-len") as error:
        refuse_errors(planned("qwen3-8b"), own(MISSPELT))
    assert "cloudgpu lint" in error.value.hint


def test_a_port_that_a_variable_moves_is_refused(own):
    text = TEXT.replace('--port: "8000"', '--port: "{LISTEN}"')
    variables = "variables:\n  LISTEN: {about: a port, default: 9000}\narguments:"
    with pytest.raises(UsageError, match="O04"):
        refuse_errors(planned("qwen3-8b"), own(text.replace("arguments:", variables, 1)))


def test_who_knows_better_says_so_in_the_file(own):
    refuse_errors(planned("qwen3-8b"), own(f"{MISSPELT}# cloudgpu: ignore-file V45 my fork has it\n"))


def test_what_every_template_of_that_release_is_told_is_no_fault_of_this_one(own):
    refuse_errors(planned("qwen3-8b", engine_version="0.20.0"), own(TEXT))


@pytest.mark.parametrize("name", [None, *sorted(set(template_paths()) - {"transformers-lora", "llamacpp", "sglang"})])
def test_the_packages_templates_are_not_refused(name):
    model = {"embeddings": "qwen3-embedding-0.6b", "vllm-vision": "qwen3-vl-8b"}.get(name or "", "qwen3-8b")
    refuse_errors(planned(model), Asked(template=find_template(name)) if name else PLAIN)
