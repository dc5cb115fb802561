"""A card has one name in every answer, and its size there is the offer's."""

from dataclasses import replace

import pytest

from cloudgpu.accounting.ledger import fold


@pytest.mark.parametrize(
    ("gpu", "memory_mib", "count", "name"),
    [
        ("RTX 3080 12GB", 20480, 1, "RTX 3080 20 GB"),
        ("RTX 3080 12GB", 20480, 2, "2x RTX 3080 20 GB"),
        ("RTX 4090", 24564, 1, "RTX 4090 24 GB"),
    ],
)
def test_the_cost_names_the_cards_as_status_does(desk, make_offer, gpu, memory_mib, count, name):
    offer = replace(make_offer(1), gpu=gpu, gpu_memory_mib=memory_mib, gpu_count=count)
    desk.provider.offers["1"] = offer
    up = desk.up(offers=[offer])
    desk.wait(3600)
    charges = fold(desk.store.events(), until=desk.clock.now())
    assert {charge.gpu for charge in charges} == {name}
    assert up.cards == (name if count > 1 else f"1x {name}")
