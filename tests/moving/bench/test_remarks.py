"""What is said beside the figures of a run is true of that run."""

from datetime import UTC, datetime

from cloudgpu.cli.bench.view import show_run
from cloudgpu.moving.bench.figures import Slo
from cloudgpu.moving.bench.remarks import remarks
from cloudgpu.moving.bench.run import Run, Stage
from cloudgpu.moving.bench.sample import Sample


def run_of_one(**known):
    sample = Sample(kind="fact", users=0, turn=0, slot=0, began_s=0.0, e2el_s=1.0, **{"output_tokens": 9, **known})
    stage = Stage(users=0, turn=0, duration_s=1.0, samples=(sample,))
    return Run(name="r", url="u", model="m", form="chat", began_at=datetime(2026, 1, 1, tzinfo=UTC), stages=(stage,))


def test_an_option_that_was_given_or_would_not_help_is_not_advised():
    whole = run_of_one(output_tokens=None)
    assert remarks(whole)[-1] == "The server counts no tokens: no TPOT and no tokens/s."
    streamed = run_of_one(output_tokens=None, pieces=3, ttft_s=0.1)
    assert remarks(streamed)[-1].endswith("--count-pieces takes each piece for one.")
    assert not any("--count-pieces" in line for line in remarks(streamed, counted_pieces=True))


def test_the_heading_of_a_run_names_the_server_as_the_counter_only_where_it_counts(capsys):
    show_run(run_of_one(output_tokens=None), Slo())
    assert "times in ms\n" in capsys.readouterr().out
    show_run(run_of_one(), Slo())
    assert "times in ms, tokens counted by the server\n" in capsys.readouterr().out
