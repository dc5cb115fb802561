"""What a verdict says of runs whose truth is known."""

import json
from dataclasses import replace

import pytest
from made_up_runs import evidence, with_crashes

from cloudgpu.base.errors import BadFileError
from cloudgpu.moving.gates import speed
from cloudgpu.moving.gates.judge import weigh
from cloudgpu.moving.gates.thresholds import Limit, Thresholds
from cloudgpu.moving.gates.thresholds_file import read_thresholds, shipped
from cloudgpu.moving.gates.verdict import Outcome, Verdict


def check(verdict: Verdict, name: str):
    return next(each for each in verdict.checks if each.name == name)


def changed(found, *, new_run=lambda run: run):
    old, new = found.runs
    return replace(found, runs=(old, new_run(new)))


def test_the_shipped_default_file_says_what_the_code_says():
    assert read_thresholds() == Thresholds()


def test_the_same_evidence_and_seed_give_the_same_verdict():
    assert weigh(evidence(3), Thresholds(), seed=7) == weigh(evidence(3), Thresholds(), seed=7)


def test_a_verdict_survives_being_kept_as_json():
    verdict = weigh(evidence(1), Thresholds())
    assert Verdict.from_body(json.loads(json.dumps(verdict.as_body()))) == verdict


def test_a_new_side_twice_as_slow_fails_and_the_reason_names_both_figures():
    verdict = weigh(evidence(1, slower=2.0), Thresholds())
    assert verdict.outcome is Outcome.FAIL
    assert verdict.gate("bench") is Outcome.FAIL
    assert "times the old side's" in check(verdict, "TPOT").reason
    assert 1.7 < check(verdict, "TPOT").ratio < 2.3


def test_one_crash_of_the_new_side_fails_whatever_else_it_does():
    found = changed(evidence(1), new_run=lambda run: with_crashes(run, 1))
    verdict = weigh(found, Thresholds())
    assert verdict.outcome is Outcome.FAIL
    assert "1 cut_off" in check(verdict, "crashes").reason


def test_an_old_side_that_went_away_leaves_nothing_to_compare_with():
    found = evidence(1)
    old, new = found.runs
    verdict = weigh(replace(found, runs=(replace(old, ended="left alone"), new)), Thresholds())
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "the old side could not be measured" in verdict.reason


def test_too_few_requests_conclude_nothing():
    found = changed(evidence(1), new_run=lambda run: replace(run, stages=run.stages[:3]))
    verdict = weigh(found, Thresholds())
    assert verdict.gate("bench") is Outcome.INCONCLUSIVE
    assert verdict.gate("stability") is Outcome.INCONCLUSIVE


def test_a_new_side_that_no_longer_streams_fails():
    def whole(run):
        return replace(run, stages=tuple(_unstreamed(stage) for stage in run.stages))

    verdict = weigh(changed(evidence(1), new_run=whole), Thresholds())
    assert "does not stream" in check(verdict, "streaming").reason
    assert verdict.outcome is Outcome.FAIL


def test_two_sides_that_never_stream_are_compared_by_the_whole_time_a_token():
    found = evidence(1, slower=2.0)
    found = replace(found, runs=tuple(replace(r, stages=tuple(map(_unstreamed, r.stages))) for r in found.runs))
    verdict = weigh(found, Thresholds())
    assert check(verdict, "time per output token, whole").outcome is Outcome.FAIL


def test_without_a_price_the_cost_is_not_judged_and_that_fails_nothing():
    found = changed(evidence(1), new_run=lambda run: replace(run, usd_per_hour=None))
    verdict = weigh(found, Thresholds())
    assert verdict.gate("cost") is Outcome.NOT_JUDGED
    assert verdict.outcome is Outcome.PASS


def test_a_machine_at_four_times_the_price_fails_the_cost_gate():
    verdict = weigh(evidence(1, usd_per_hour="1.60"), Thresholds())
    assert verdict.gate("cost") is Outcome.FAIL
    assert check(verdict, "cost per 1,000 tokens").ratio == pytest.approx(4, rel=0.2)


def test_what_is_good_enough_passes_however_fast_the_old_side_was():
    thresholds = replace(Thresholds(), bench=replace(Thresholds().bench, tpot=Limit(max_ratio=1.2, good_enough_s=0.2)))
    assert check(weigh(evidence(1, slower=2.0), thresholds), "TPOT").outcome is Outcome.PASS


def test_a_time_that_is_good_enough_is_told_with_digits_however_short_it_is():
    assert [speed._ms(seconds) for seconds in (0.00043, 0.0000432, 0.0035, 0.02, 1.5)] == [
        "0.43", "0.043", "3.5", "20", "1500",
    ]  # fmt: skip


def test_a_side_that_answers_everything_wrong_fails_quality():
    verdict = weigh(evidence(1, worse=1.0), Thresholds())
    assert verdict.gate("quality") is Outcome.FAIL


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bench: {ttft: {max_ration: 2}}", "bench.ttft.max_ration"),
        ("bench: fast", "bench is no list of keys"),
        ("confidence: high", "confidence is no number"),
        ("bench: {min_samples: 2.5}", "whole number"),
        ("cost: {max_ratio: -1}", "below zero"),
        ("bench: [", "cannot be read as YAML"),
    ],
)
def test_a_wrong_gates_file_is_refused_with_the_key(text, said, tmp_path):
    path = tmp_path / "gates.yaml"
    path.write_text(text)
    with pytest.raises(BadFileError) as caught:
        read_thresholds(str(path))
    assert said in caught.value.message


def test_milliseconds_of_a_gates_file_become_seconds(tmp_path):
    path = tmp_path / "gates.yaml"
    path.write_text("slo: {ttft_ms: 800}\nbench: {tpot: {good_enough_ms: 50}}\n")
    found = read_thresholds(str(path))
    assert (found.slo.ttft_s, found.bench.tpot.good_enough_s) == (0.8, 0.05)
    assert found.bench.tpot.max_ratio == 1.2


def test_a_gates_file_that_is_not_there_names_the_shipped_ones():
    with pytest.raises(BadFileError) as caught:
        read_thresholds("nowhere.yaml")
    assert all(name in (caught.value.hint or "") for name in shipped())


def _unstreamed(stage):
    samples = tuple(replace(each, ttft_s=None, answer_s=None, itls_s=()) for each in stage.samples)
    return replace(stage, samples=samples)


def garbage(found, *, prompts):
    """A new side that answers everything with marks, and so few golden prompts."""
    old, new = found.quality
    few = [tuple(each for each in side.trials if each.prompt in {f"prompt {n}" for n in range(prompts)})
           for side in (old, new)]  # fmt: skip
    broken = tuple(replace(each, text="!!!!", passed=False, anomalies=("no words",)) for each in few[1])
    found = changed(found, new_run=lambda run: replace(run, stages=tuple(_said(stage, "!!!!") for stage in run.stages)))
    return replace(found, quality=(replace(old, trials=few[0]), replace(new, trials=broken)))


def _said(stage, text):
    return replace(stage, samples=tuple(replace(each, text=text) for each in stage.samples))


def test_garbage_fails_however_few_golden_prompts_there_are():
    verdict = weigh(garbage(evidence(1), prompts=3), Thresholds())
    assert verdict.gate("quality") is Outcome.FAIL
    assert "3 golden prompts are too few" in check(verdict, "golden prompts").reason
    assert "100% of the new side's answers look broken (no words)" in check(verdict, "anomalies").reason
    assert check(verdict, "bench answers").outcome is Outcome.FAIL


def test_garbage_fails_by_the_answers_of_the_bench_when_no_golden_prompt_is_asked():
    verdict = weigh(replace(garbage(evidence(1), prompts=3), quality=None), Thresholds())
    assert check(verdict, "bench answers").outcome is verdict.outcome is Outcome.FAIL


def test_few_golden_prompts_without_a_sign_of_trouble_still_conclude_nothing():
    found = evidence(1)
    old, new = (replace(each, trials=each.trials[:9]) for each in found.quality)
    verdict = weigh(replace(found, quality=(old, new)), Thresholds())
    assert verdict.gate("quality") is Outcome.INCONCLUSIVE
    assert check(verdict, "anomalies").outcome is check(verdict, "bench answers").outcome is Outcome.PASS


def test_an_answer_of_the_bench_that_its_limit_cuts_off_does_not_look_broken():
    def cut(run):
        return replace(run, stages=tuple(_cut(stage) for stage in run.stages))

    def _cut(stage):
        return replace(stage, samples=tuple(
            replace(each, text="", reasoning="First I think.", finish_reason="length") for each in stage.samples
        ))  # fmt: skip

    assert check(weigh(changed(evidence(1), new_run=cut), Thresholds()), "bench answers").outcome is Outcome.PASS
