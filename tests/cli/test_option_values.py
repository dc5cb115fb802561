"""What is typed is taken exactly or refused: nothing empty, endless or contradictory passes in silence."""

import pytest
from typer.testing import CliRunner

from cloudgpu.base.errors import UsageError
from cloudgpu.cli.main import app
from cloudgpu.cli.option_values import lora_rank_of


def refused(*arguments):
    error = CliRunner().invoke(app, list(arguments)).exception
    assert isinstance(error, UsageError), error
    return error.message


@pytest.mark.parametrize("option", ["--name", "--provider", "--gpu", "--adapter", "--region", "--engine-version"])
def test_up_takes_no_empty_option_for_one_left_out(option):
    assert refused("up", "mistral", option, "") == f"{option} is empty"


@pytest.mark.parametrize("option", ["--name", "--to", "--provider", "--hook"])
def test_migrate_takes_no_empty_option_for_one_left_out(option):
    assert refused("migrate", "--from", "mistral", option, "") == f"{option} is empty"


@pytest.mark.parametrize(
    ("option", "value"),
    [(option, value) for option in ("--max-price", "--max-spend") for value in ("nan", "inf", "1e30", "-1", "")]
    + [("--max-wait", value) for value in ("nan", "inf", "1e9")]
    + [("--min-reliability", "nan"), ("--hours", "1e30")],
)
def test_up_takes_no_number_that_cannot_be_meant(option, value):
    assert refused("up", "mistral", option, value).startswith(option)


@pytest.mark.parametrize("value", ["nan", "inf", "-1"])
@pytest.mark.parametrize("option", ["--max-price", "--min-memory"])
def test_offers_takes_no_number_that_cannot_be_meant(option, value):
    assert refused("offers", option, value).startswith(option)


@pytest.mark.parametrize("option", ["--quantization", "--engine-version", "--engine"])
def test_estimate_takes_no_empty_option_for_one_left_out(option):
    assert refused("estimate", "mistral", "--gpu", "L4", option, "") == f"{option} is empty"


@pytest.mark.parametrize("option", ["--concurrency", "--max-num-seqs", "--gpus", "--lora-rank", "--context"])
def test_estimate_names_the_option_that_counts_nothing(option):
    done = CliRunner().invoke(app, ["estimate", "mistral", "--gpu", "L4", option, "0"])
    assert done.exit_code == 2
    assert option in done.output


@pytest.mark.parametrize("command", ["plan", "up", "estimate"])
def test_every_usage_line_spells_the_model_in_one_way(command):
    usage = next(line for line in CliRunner().invoke(app, [command, "--help"]).stdout.splitlines() if "Usage" in line)
    assert usage.split()[-1].strip("[]{}") == "MODEL"


def test_a_rank_needs_an_adapter_and_an_adapter_has_a_rank():
    assert lora_rank_of(None, None) is None
    assert lora_rank_of("owner/lora", None) == 16
    assert lora_rank_of("owner/lora", 64) == 64
    assert refused("up", "mistral", "--adapter-rank", "8") == "--adapter-rank was given, but no adapter"
