"""GPUs under every name, and the memory an engine sees."""

import pytest

from cloudgpu.base.errors import UnknownGpuError
from cloudgpu.sizing.gpus import all_gpus, custom_gpu, find_gpu, match_gpu, usable_gib


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("RTX 4090", "RTX 4090"),
        ("rtx4090", "RTX 4090"),
        ("4090", "RTX 4090"),
        ("NVIDIA GeForce RTX 4090", "RTX 4090"),
        ("RTX_4090", "RTX 4090"),
        ("RTX 4070S Ti", "RTX 4070 Ti SUPER"),
        ("RTX 6000Ada", "RTX 6000 Ada"),
        ("h100", "H100 SXM"),
        ("A100", "A100 SXM4 80GB"),
        ("NVIDIA A100 80GB PCIe", "A100 PCIe 80GB"),
        ("AMD Instinct MI300X OAM", "Instinct MI300X"),
    ],
)
def test_a_gpu_is_found_in_any_spelling(typed, meant):
    assert find_gpu(typed).name == meant


def test_the_catalogue_holds_122_gpus_and_each_says_where_it_is_from():
    assert len(all_gpus()) == 122
    assert all(gpu.source for gpu in all_gpus())
    assert len({gpu.name for gpu in all_gpus()}) == 122


@pytest.mark.parametrize("gpu", all_gpus(), ids=lambda gpu: gpu.name)
def test_every_name_leads_to_a_card_and_its_memory_is_less_than_nvidia_smi_shows(gpu):
    assert find_gpu(gpu.name) == gpu
    assert all(find_gpu(alias) == gpu for alias in gpu.aliases)
    assert 0.9 * gpu.memory_mib / 1024 < gpu.total_gib < gpu.memory_mib / 1024


@pytest.mark.parametrize(
    ("vendor_name", "memory_mib", "name", "total_gib"),
    [
        ("A100 PCIE", 40960, "A100 PCIe 40GB", 39.49),
        ("A100 PCIE", 81920, "A100 PCIe 80GB", 79.19),
        ("RTX 4090", 24564, "RTX 4090", 23.6),
        ("RTX 4090", 49140, "RTX 4090", 47.49),
        ("NVIDIA H100 80GB HBM3", None, "H100 SXM", 79.18),
        ("RTX 3080", None, "RTX 3080 10GB", 9.75),
    ],
)
def test_memory_decides_which_card_an_offer_is(vendor_name, memory_mib, name, total_gib):
    found = match_gpu(vendor_name, memory_mib)
    assert found is not None
    assert (found.name, found.total_gib) == (name, pytest.approx(total_gib))


def test_an_unknown_vendor_name_is_no_card():
    assert match_gpu("Voodoo 2", 8) is None


def test_an_unknown_name_gets_the_nearest_names():
    with pytest.raises(UnknownGpuError) as caught:
        find_gpu("RTX 4091")
    assert "RTX 4090" in (caught.value.hint or "")
    assert caught.value.exit_status == 2


@pytest.mark.parametrize("typed", ["Voodoo", "Voodoo 3", "banana"])
def test_a_name_like_no_card_gets_names_all_the_same_and_the_list(typed):
    with pytest.raises(UnknownGpuError) as caught:
        find_gpu(typed)
    assert any(gpu.name in caught.value.hint for gpu in all_gpus())
    assert "cloudgpu gpus" in caught.value.hint


def test_a_custom_total_is_taken_as_it_is():
    assert custom_gpu(23.5).total_gib == 23.5


@pytest.mark.parametrize("total", [0, -1, float("nan"), float("inf")])
def test_a_total_that_is_no_memory_is_refused(total):
    with pytest.raises(UnknownGpuError):
        custom_gpu(total)


def test_usable_memory_matches_what_logs_report_closely():
    for gpu in all_gpus():
        if gpu.total_is_measured and gpu.memory_mib < 200_000:
            assert usable_gib(gpu.memory_mib) == pytest.approx(gpu.total_gib, abs=0.65), gpu.name


@pytest.mark.parametrize(
    ("said", "meant"), [("RTX 4090 (WSL)", "RTX 4090"), ("RTX 5090 32GB", "RTX 5090"), ("RTX 3090 24 GB", "RTX 3090")]
)
def test_remarks_beside_a_name_do_not_hide_the_card(said, meant):
    assert find_gpu(said).name == meant
