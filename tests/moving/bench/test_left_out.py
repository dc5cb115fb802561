"""Two saved benches that do not hold the same loads: what is not compared is said, and why."""

import json
import random
from datetime import UTC, datetime

import pytest
import typer
from typer.testing import CliRunner

import cloudgpu.cli.compare
from cloudgpu.base.errors import UsageError
from cloudgpu.moving.bench.left_out import left_out, sentences
from cloudgpu.moving.bench.run import Run, Stage
from cloudgpu.moving.bench.sample import Sample, Trouble
from cloudgpu.moving.bench.saved import save_run

RUNNER = CliRunner()


def sample(users, slot, **more):
    wait = random.Random(slot).uniform(0.9, 1.1)
    times = {"e2el_s": wait, "ttft_s": wait / 4, "output_tokens": 20, **more}
    return Sample(kind="fact", users=users, turn=0, slot=slot, began_s=0.0, **times)


def run_of(*levels, name="mistral", ended=None, **more):
    stages = [
        Stage(users=users, turn=0, duration_s=9.0, samples=tuple(sample(users, slot, **more) for slot in range(20)))
        for users in levels
    ]
    began = datetime(2026, 1, 1, tzinfo=UTC)
    return Run(name=name, url="u", model="m", form="chat", began_at=began, stages=tuple(stages), ended=ended)


@pytest.fixture
def compare(tmp_path, monkeypatch):
    app = typer.Typer()
    app.command("other")(lambda: None)
    cloudgpu.cli.compare.register(app)
    monkeypatch.setenv("COLUMNS", "80")

    def run(one, other, *options):
        for name, each in (("a", one), ("b", other)):
            save_run(each, tmp_path / f"{name}.json")
        done = RUNNER.invoke(app, ["compare", str(tmp_path / "a.json"), str(tmp_path / "b.json"), *map(str, options)])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.stdout

    return run


def test_a_load_of_one_side_is_left_out_and_named_with_that_side():
    found = left_out(run_of(0, 1, 10), run_of(1, 20))
    assert [(each.users, each.only) for each in found] == [(0, "A"), (10, "A"), (20, "B")]
    assert sentences(found) == [
        "Left out: one by one, 10 users (only A was measured under it).",
        "Left out: 20 users (only B was measured under it).",
    ]


def test_a_run_that_was_cut_short_is_the_reason_why_its_loads_are_missing():
    (said,) = sentences(left_out(run_of(1, 20), run_of(1, ended="stopped by Ctrl-C")))
    assert "only A was measured under it; B ended early: stopped by Ctrl-C)." in said


def test_what_no_request_of_a_side_can_tell_is_left_out_too():
    nothing = run_of(1, 10, trouble=Trouble.TIMEOUT)
    assert sentences(left_out(run_of(1, 10), nothing)) == ["Left out: 1 user, 10 users (no request of B was answered)."]
    uncounted = run_of(1, output_tokens=None)
    assert sentences(left_out(run_of(1), uncounted)) == ["Left out: TPOT median of 1 user (B does not tell it)."]


def test_two_runs_under_the_same_loads_leave_nothing_out():
    assert left_out(run_of(0, 1, 10), run_of(0, 1, 10)) == []


def test_text_json_and_pages_all_tell_what_they_leave_out(compare, tmp_path):
    one, other = run_of(1, 10), run_of(1, 20, name="qwen-14b")
    (a_alone, b_alone) = sentences(left_out(one, other))
    text = " ".join(compare(one, other).split())
    told = json.loads(compare(one, other, "--json"))["left_out"]
    markdown = compare(one, other, "--markdown")
    compare(one, other, "--html", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert told == [
        {"users": 10, "figures": [], "only": "A", "reason": "only A was measured under it"},
        {"users": 20, "figures": [], "only": "B", "reason": "only B was measured under it"},
    ]
    for shown in (text, markdown, page):
        assert a_alone in shown
        assert b_alone in shown


def test_the_page_of_two_saved_benches_holds_every_figure_and_loads_nothing(compare, tmp_path):
    compare(run_of(1, name="<b>"), run_of(1, name="<b>"), "--html", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert all(f">{name}<" in page for name in ("TTFT median", "TTFT p95", "TPOT median", "E2EL median"))
    assert not any(word in page for word in ("<b><", "src=", "href=", "<script"))


def test_two_benches_without_a_load_in_common_are_refused_with_the_loads_of_each(compare):
    with pytest.raises(UsageError, match=r"1 user \(only A was measured under it\); 20 users \(only B was"):
        compare(run_of(1), run_of(20))


@pytest.mark.parametrize("option", [("--check",), ("--golden", "file.yaml"), ("--judge", "http://x/v1")])
def test_what_needs_live_endpoints_is_refused_of_two_files(compare, option):
    with pytest.raises(UsageError, match=option[0]):
        compare(run_of(1), run_of(1), *option)


def test_a_file_that_is_in_the_way_of_the_page_stays(compare, tmp_path):
    place = tmp_path / "page.html"
    place.write_text("precious")
    with pytest.raises(UsageError, match="exists already"):
        compare(run_of(1), run_of(1), "--html", place)
    assert place.read_text() == "precious"
