"""What a plan falls back on: other machines, other cards, other providers; never a slice of the first machine."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given, settings

from cloudgpu.planning.alternatives import KINDS
from cloudgpu.planning.plan import make_plan
from cloudgpu.planning.plan_file import load_plan, save_plan

from .test_optimum import MARKETS, plan_of


def priced(offer, number, usd, **changes):
    return offer(offer_id=str(number), gpu_usd_per_hour=Decimal(usd), **changes)


def test_the_first_of_each_kind_is_named_and_slices_of_one_machine_are_none(market, needs, offer, now, tmp_path):
    plan = make_plan(
        needs(),
        market(
            priced(offer, 1, "1.00"),
            priced(offer, 2, "1.05", gpu_count=2),
            priced(offer, 3, "1.10", machine_id="m3"),
            priced(offer, 4, "1.20", machine_id="m4", gpu="H100 SXM", gpu_memory_mib=81559),
            priced(offer, 5, "1.30", machine_id=None, provider="runpod"),
            priced(offer, 6, "1.40", machine_id="m6"),
        ),
        now,
    )
    found = [(each.candidate.offer.offer_id, each.differs_in) for each in plan.alternatives]
    assert found == [("3", ("machine",)), ("4", ("machine", "gpu")), ("5", ("machine", "provider"))]
    save_plan(plan, tmp_path / "plan.json")
    assert load_plan(tmp_path / "plan.json") == plan


def test_one_fit_may_be_the_best_of_several_kinds(market, needs, offer, now):
    other = priced(offer, 2, "1.20", machine_id=None, provider="runpod", gpu="H100 SXM", gpu_memory_mib=81559)
    [only] = make_plan(needs(), market(priced(offer, 1, "1.00"), other), now).alternatives
    assert only.differs_in == KINDS


def test_the_only_fit_has_no_alternative(market, needs, offer, now):
    assert make_plan(needs(), market(offer()), now).alternatives == ()
    assert make_plan(needs(), market(), now).alternatives == ()


@settings(max_examples=60, deadline=None)
@given(MARKETS)
def test_no_alternative_shares_the_first_ones_machine_or_beats_it(found):
    plan, _ = plan_of(found, "mistral")
    for each in plan.alternatives:
        first, other = plan.candidates[0], each.candidate
        assert other.usd_total >= first.usd_total
        assert other.offer.machine_id is None or other.offer.machine_id != first.offer.machine_id
        assert each.differs_in
        assert replace(other, rank=0).offer != first.offer
