"""Several models on one machine: sums that add up, shares that start, homes that hold, what is wrong with a budget."""

from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudgpu.base.data import data_dir
from cloudgpu.base.errors import BadFileError, UnknownGpuError, UnknownModelError, UsageError
from cloudgpu.sizing.gpus import find_gpu
from cloudgpu.sizing.memory import estimate
from cloudgpu.sizing.models import resolve_model
from cloudgpu.sizing.options import ServingOptions
from cloudgpu.sizing.pack import Rentable, cheapest_homes, findings_of, pack, read_budget, remedies_for
from cloudgpu.sizing.pack.budget_file import budget_from
from cloudgpu.sizing.pack.packing import Verdict
from cloudgpu.sizing.pack.placement import Unit, place
from cloudgpu.sizing.pack.starts import starts_on

E5 = {"name": "embeddings", "model": "e5-large", "dtype": "float16", "batch": 32}
NER = {"name": "ner", "model": "camembert-ner", "dtype": "float16", "batch": 16}
CHAT = {"name": "chat", "model": "mistral", "quantization": "gptq", "context": 8192}


def budget(*models, cards=("RTX 3090",), **more):
    return budget_from({"cards": list(cards), "models": list(models), **more}, resolve_model)


def placed(packing, name):
    return next(each.demand for card in packing.cards for each in card.placed if each.entry.name == name)


def texts(packing, about=None):
    return [finding.text for finding in findings_of(packing) if about in (None, finding.about)]


def test_parts_and_rest_add_up_to_the_card():
    card = pack(budget(E5, NER, CHAT, reserve_gib=1)).cards[0]
    parts = sum(
        d.weights_gib + d.workspace_gib + d.cache_gib + d.context_gib + d.margin_gib
        for d in (each.demand for each in card.placed)
    )
    assert parts + card.free_gib + 1 == pytest.approx(card.gpu.total_gib)


def test_small_models_and_a_quantised_7b_fit_a_24_gb_card():
    packing = pack(budget(E5, NER, CHAT))
    assert packing.verdict is Verdict.FITS
    assert packing.cards[0].free_gib > 10


def test_each_process_pays_for_its_own_cuda_context_and_one_process_pays_once():
    apart = pack(budget(E5, NER)).cards[0].used_gib
    together = pack(budget({**E5, "process": "search"}, {**NER, "process": "search"})).cards[0].used_gib
    assert apart - together == pytest.approx(placed(pack(budget(NER)), "ner").context_gib)


@pytest.mark.parametrize("concurrency", [1, 2, 4])
def test_the_share_that_a_server_is_given_starts_and_holds_what_was_asked(concurrency):
    packing = pack(budget(E5, {**CHAT, "concurrency": concurrency}))
    share = placed(packing, "chat").share
    options = ServingOptions(context_tokens=8192, quantization="gptq", gpu_memory_utilization=share)
    found = estimate(resolve_model("mistral"), find_gpu("RTX 3090"), options)
    assert found.starts
    assert found.sequences_at_context >= concurrency
    assert found.kv_cache_gib - concurrency * found.kv_needed_gib >= found.error_band_gib - 1e-6


def test_a_server_left_to_itself_is_warned_of_beside_others_and_not_alone():
    assert any("give it --gpu-memory-utilization" in text for text in texts(pack(budget(E5, CHAT)), "chat"))
    assert not texts(pack(budget(CHAT)), "chat")


def test_two_servers_of_0_9_cannot_start_on_one_card_and_the_engine_says_why():
    big = {**CHAT, "gpu_memory_utilization": 0.9}
    packing = pack(budget(big, {**big, "name": "second"}))
    first, second = starts_on(packing.cards[0])
    assert first.words is None
    assert "is less than desired GPU memory utilization (0.9, 21.24 GiB)" in second.words
    assert packing.verdict is Verdict.DOES_NOT_FIT
    assert any(finding.level == "error" and finding.about == "second" for finding in findings_of(packing))


def test_the_order_decides_which_server_is_refused():
    greedy, modest = {**CHAT, "name": "greedy", "gpu_memory_utilization": 0.9}, {**CHAT, "name": "modest"}
    refused = {
        order: [start.name for start in starts_on(pack(budget(*models)).cards[0]) if start.words]
        for order, models in {"greedy first": (greedy, modest), "modest first": (modest, greedy)}.items()
    }
    assert refused == {"greedy first": ["modest"], "modest first": ["greedy"]}


def test_a_budget_that_does_not_fit_hears_which_single_changes_are_enough():
    packing = pack(budget({**CHAT, "gpu_memory_utilization": 0.95}, E5, NER))
    single, steps = remedies_for(packing)
    assert packing.verdict is Verdict.DOES_NOT_FIT
    assert single[0].change == "give it the share that it needs"
    assert all(remedy.verdict is Verdict.FITS for remedy in single)
    assert steps == []


def test_a_model_too_large_in_16_bit_is_served_quantised():
    packing = pack(budget({"name": "big", "model": "qwen-14b", "context": 8192}, E5))
    single, _ = remedies_for(packing)
    assert packing.verdict is Verdict.DOES_NOT_FIT
    assert "serve Qwen/Qwen2.5-14B-Instruct-AWQ" in [remedy.change for remedy in single]


def test_steps_end_in_a_budget_that_fits_when_no_single_change_does():
    wide = {"context": 32768, "gpu_memory_utilization": 0.9, "gpus": [0]}
    packing = pack(
        budget({"name": "a", "model": "qwen3-8b-awq", **wide}, {"name": "b", "model": "qwen3-8b-awq", **wide})
    )
    single, steps = remedies_for(packing)
    assert single == []
    assert steps[-1].verdict is Verdict.FITS
    assert all(step.verdict is not Verdict.FITS for step in steps[:-1])


def test_what_nothing_can_shrink_gets_no_false_hope():
    packing = pack(budget({"name": "rendering", "engine": "other", "memory_gib": 40}))
    assert remedies_for(packing) == ([], [])


def test_what_fits_gets_no_remedies():
    assert remedies_for(pack(budget(E5))) == ([], [])


def test_a_card_too_old_for_the_engine_does_not_fit_whatever_its_memory():
    packing = pack(budget(CHAT, cards=["Tesla V100"]))
    assert packing.verdict is Verdict.DOES_NOT_FIT
    assert any("compute capability" in text for text in texts(packing, "chat"))


def test_two_cards_share_the_load_and_pins_are_kept():
    packing = pack(budget(CHAT, E5, {**NER, "gpus": [1]}, cards=["RTX 4060 Ti 16GB", "RTX 4060 Ti 16GB"]))
    assert [each.entry.name for each in packing.cards[1].placed if each.entry.name == "ner"] == ["ner"]
    assert packing.verdict is Verdict.FITS


def test_a_server_over_two_cards_takes_its_share_of_both():
    big = {"name": "big", "model": "qwen3-32b-awq", "context": 8192, "tensor_parallel": 2}
    packing = pack(budget(big, cards=["RTX 4090", "RTX 4090"]))
    assert [len(card.placed) for card in packing.cards] == [1, 1]
    assert packing.verdict is Verdict.FITS


def test_a_pin_to_a_card_that_is_not_there_is_refused():
    with pytest.raises(UsageError, match="pinned to card 3"):
        pack(budget({**NER, "gpus": [3]}))


def test_llama_cpp_takes_what_it_needs_and_no_share():
    packing = pack(budget(E5, {**CHAT, "engine": "llama.cpp", "quantization": "q4_k_m", "concurrency": 2}))
    demand = placed(packing, "chat")
    assert demand.share is None
    assert demand.cache_gib == pytest.approx(2 * 8192 * 131072 / 2**30)
    assert not any("refuses to start" in text for text in texts(packing))


def test_sglang_is_refused_because_its_share_is_of_what_is_free():
    with pytest.raises(UsageError, match="sglang cannot be packed"):
        budget({**CHAT, "engine": "sglang"})


def test_an_engine_that_does_not_exist_is_refused():
    with pytest.raises(UsageError, match="engine 'tensorflow' is not known"):
        budget({**CHAT, "engine": "tensorflow"})


def test_eager_attention_grows_with_the_square_of_the_sequence():
    def gib(sequence, attention):
        return placed(
            pack(budget({**E5, "model": "bge-m3", "sequence": sequence, "attention": attention})), "embeddings"
        )

    eager, fused = ([gib(n, how).workspace_gib for n in (2048, 4096)] for how in ("eager", "sdpa"))
    assert 3.5 < eager[1] / eager[0] < 4
    assert fused[1] / fused[0] == pytest.approx(2, rel=0.05)


def test_a_generator_in_transformers_keeps_a_cache_for_its_whole_batch():
    text = {"name": "writer", "model": "mistral", "engine": "transformers", "quantization": "nf4", "batch": 4}
    demand = placed(pack(budget({**text, "sequence": 1000, "new_tokens": 24})), "writer")
    assert demand.cache_gib == pytest.approx(4 * 1024 * 131072 / 2**30)
    assert demand.weights_gib == pytest.approx(3.9 + 0.3, abs=0.3)


@settings(max_examples=60, deadline=None)
@given(
    batch=st.integers(1, 256),
    more=st.integers(1, 64),
    sequence=st.sampled_from([64, 128, 256, 512]),
    attention=st.sampled_from(["sdpa", "eager"]),
)
def test_a_larger_batch_never_takes_less(batch, more, sequence, attention):
    row = {**E5, "sequence": sequence, "attention": attention}
    small, large = (placed(pack(budget({**row, "batch": b})), "embeddings").used_gib for b in (batch, batch + more))
    assert small <= large


@settings(max_examples=40, deadline=None)
@given(counts=st.lists(st.sampled_from(["e5", "ner", "chat"]), min_size=1, max_size=5))
def test_one_entry_more_never_leaves_more_room(counts):
    rows = [{**{"e5": E5, "ner": NER, "chat": CHAT}[kind], "name": f"{kind}{i}"} for i, kind in enumerate(counts)]
    free = [pack(budget(*rows[: n + 1])).cards[0].free_gib for n in range(len(rows))]
    assert free == sorted(free, reverse=True)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.floats(0.1, 20), min_size=1, max_size=6),
    rooms=st.lists(st.floats(1, 40), min_size=1, max_size=3),
)
def test_programs_are_placed_so_that_the_fullest_card_keeps_most(sizes, rooms):
    def least_left(way):
        taken = [sum(size for size, card in zip(sizes, way, strict=True) if card == i) for i in range(len(rooms))]
        return min(room - gib for room, gib in zip(rooms, taken, strict=True))

    way = place([Unit(1)] * len(sizes), rooms, lambda unit, _: sizes[unit])
    best = max(least_left(each) for each in product(range(len(rooms)), repeat=len(sizes)))
    assert least_left([cards[0] for cards in way]) == pytest.approx(best)


def test_too_many_programs_to_try_all_ways_still_fit_where_they_easily_can():
    way = place([Unit(1)] * 40, [20.0] * 4, lambda *_: 1.0)
    assert sorted(way.count((card,)) for card in range(4)) == [10, 10, 10, 10]


def rentable(name, price, count=1):
    return Rentable(name=name, gpu=find_gpu(name), count=count, usd_per_hour=Decimal(price), provider="vast")


def test_the_cheapest_home_is_the_cheapest_that_holds_all_of_it():
    offers = [rentable("RTX 3060 12GB", "0.05"), rentable("RTX 4090", "0.30"), rentable("RTX 3090", "0.15")]
    homes = cheapest_homes(budget(E5, NER, {**CHAT, "context": 32768}), offers)
    assert [home.rentable.name for home in homes] == ["RTX 3090", "RTX 4090"]
    assert all(home.packing.verdict is Verdict.FITS for home in homes)


def test_a_pair_is_a_home_for_what_no_single_card_holds_and_the_server_is_shared_out():
    offers = [rentable("RTX 4090", "0.30"), rentable("RTX 4090", "0.60", count=2)]
    homes = cheapest_homes(budget({"name": "big", "model": "qwen-14b", "context": 8192}, cards=["RTX 4090"]), offers)
    assert [(home.rentable.count, home.packing.budget.entries[0].tensor_parallel) for home in homes] == [(2, 2)]


def test_a_share_made_for_another_card_and_its_pins_do_not_travel():
    offers = [rentable("RTX 3090", "0.15")]
    wanted = budget({**CHAT, "gpu_memory_utilization": 0.9, "gpus": [1]}, E5, cards=["RTX 4090", "RTX 4090"])
    assert len(cheapest_homes(wanted, offers)) == 1


def test_cards_of_another_maker_are_no_home():
    assert cheapest_homes(budget(E5), [rentable("MI300X", "0.01")]) == []


def example(name):
    return pack(read_budget(data_dir("templates") / f"pack-{name}.yaml", resolve_model))


def test_the_list_of_24_gb_is_overfull_in_its_words_and_half_empty_in_truth():
    packing = example("rtx3090-list")
    said = texts(packing)
    assert packing.verdict is Verdict.FITS
    assert packing.cards[0].used_gib < 13
    assert any(text.startswith("the stated figures add up to 21–28 GiB") for text in said)
    assert any("working memory of 2–3 GiB apart from the models does not exist" in text for text in said)
    assert any("takes 0.92 of the card" in text for text in said)
    assert any("it is Jean-Baptiste/camembert-ner" in text for text in said)


def test_the_resident_budget_does_not_start_because_of_a_share_that_it_never_set():
    packing = example("rtx3090-resident")
    said = texts(packing)
    assert packing.verdict is Verdict.DOES_NOT_FIT
    assert any("less than desired GPU memory utilization (0.92" in text for text in said)
    assert any("int8 saves" in text for text in said)
    assert any(text.startswith("memory_fraction: 0.95") for text in said)
    assert any(text.startswith("load_strategy: on_demand") for text in said)
    single, _ = remedies_for(packing)
    assert (single[0].about, single[0].change) == ("llm", "give it the share that it needs")


def test_two_servers_that_overbook_a_card_are_told_apart_from_the_one_that_does_not():
    packing = example("two-servers")
    assert [card.verdict for card in packing.cards].count(Verdict.DOES_NOT_FIT) == 1
    assert [start.name for card in packing.cards for start in starts_on(card) if start.words] == ["medium"]


def test_the_example_that_explains_every_key_is_a_budget_that_fits():
    assert example("example").verdict is Verdict.FITS


@pytest.mark.parametrize(
    ("document", "error", "sentence"),
    [
        ({"models": [E5]}, BadFileError, "names no cards"),
        ({"cards": ["RTX 3090"]}, BadFileError, "names no models"),
        ({"cards": ["RTX 3090"] * 9, "models": [E5]}, BadFileError, "at most 8"),
        ({"cards": ["RTX 3O90"], "models": [E5]}, UnknownGpuError, "no GPU named"),
        ({"cards": ["RTX 3090"], "models": [{"model": "qwen-99t"}]}, UnknownModelError, "no model named"),
        ({"cards": ["RTX 3090"], "models": [{**E5, "batchsize": 3}]}, BadFileError, "has no 'batchsize'"),
        ({"cards": ["RTX 3090"], "modles": [E5], "models": [E5]}, BadFileError, "has no 'modles'"),
        ({"cards": ["RTX 3090"], "models": [E5, E5]}, BadFileError, "are called 'embeddings'"),
        ({"cards": ["RTX 3090"], "models": [{**E5, "batch": 0}]}, BadFileError, "whole number above 0"),
        ({"cards": ["RTX 3090"], "models": [{**E5, "batch": True}]}, BadFileError, "whole number above 0"),
        ({"cards": ["RTX 3090"], "models": [{**CHAT, "gpu_memory_utilization": 90}]}, BadFileError, "a share above 0"),
        ({"cards": ["RTX 3090"], "models": [{**E5, "stated_gib": [3, 1]}]}, BadFileError, "least, most"),
        ({"cards": ["RTX 3090"], "models": [{"name": "x"}]}, BadFileError, "names no model"),
        ({"cards": ["RTX 3090"], "models": [{**E5, "attention": "flash9"}]}, UsageError, "not known"),
        ({"cards": ["RTX 3090"], "models": ["e5-large"]}, BadFileError, "no list of keys"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused_in_one_sentence(document, error, sentence):
    with pytest.raises(error, match=sentence) as refused:
        budget_from(document, resolve_model)
    assert refused.value.hint


@pytest.mark.parametrize(
    ("row", "sentence"),
    [({"dtype": "float12"}, "dtype 'float12'"), ({"quantization": "q9"}, "quantization 'q9'")],
)
def test_a_format_that_does_not_exist_is_refused(row, sentence):
    with pytest.raises(UsageError, match=sentence):
        pack(budget({**E5, **row}))


@pytest.mark.parametrize("text", ["cards: [", "just words", "- a\n- b", "\x00"])
def test_a_file_that_is_no_budget_is_refused(tmp_path, text):
    path = tmp_path / "budget.yaml"
    path.write_text(text)
    with pytest.raises(BadFileError):
        read_budget(path)


def test_sequences_longer_than_the_model_reads_are_an_error():
    packing = pack(budget({**E5, "sequence": 4096}))
    assert any(finding.level == "error" and "4,096" in finding.text for finding in findings_of(packing))
