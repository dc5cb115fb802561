"""Plans as files."""

import json
from decimal import Decimal

import pytest

from cloudgpu.base.errors import BadFileError, NotFoundError
from cloudgpu.planning.plan import content_text, make_plan, plan_id_of
from cloudgpu.planning.plan_file import latest_plan_path, load_plan, save_plan


@pytest.fixture
def plan(market, needs, offer, now):
    offers = (
        offer(),
        offer(offer_id="2", gpu_count=2, gpu_usd_per_hour=Decimal("2.2")),
        offer(offer_id="3", machine_id="m3", verified=False),
    )
    asked = needs(max_usd_per_hour=Decimal("3.5"), regions=("SE",), options={"concurrency": 2}, hours=Decimal("1.5"))
    return make_plan(asked, market(*offers, unreadable={"gpu_ram is absurd": 2}, notes=("a note",)), now)


@pytest.fixture
def path(plan, tmp_path):
    save_plan(plan, tmp_path / "deep" / "plan.json")
    return tmp_path / "deep" / "plan.json"


def change(path, **fields):
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **fields}), encoding="utf-8")


def test_a_plan_comes_back_as_it_was_saved(plan, path):
    assert load_plan(path) == plan


def test_saving_leaves_nothing_else_behind(path):
    assert [each.name for each in path.parent.iterdir()] == ["plan.json"]


def test_a_plan_saved_over_another_replaces_it_whole(plan, path):
    save_plan(plan, path)
    assert load_plan(path) == plan


def test_a_plan_edited_by_hand_is_refused(plan, path):
    rows = plan.as_json()["candidates"]
    rows[0]["usd_per_hour"]["total"] = "0.01"
    change(path, candidates=rows)
    with pytest.raises(BadFileError, match="was changed"):
        load_plan(path)


def test_a_plan_whose_disk_was_made_too_small_is_refused_even_under_an_id_of_its_own(plan, path):
    content = {name: value for name, value in plan.as_json().items() if name != "plan_id"}
    content["serving"]["disk_gb"] = 8
    change(path, **content, plan_id=plan_id_of(content_text(content)))
    with pytest.raises(BadFileError, match="a disk of 8 GB is too small"):
        load_plan(path)


def test_a_plan_of_another_schema_version_is_refused(path):
    change(path, schema_version=2)
    with pytest.raises(BadFileError, match="schema version 2"):
        load_plan(path)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", '{"schema_version": 1}', '{"plan_id": "p-1", "schema_version": 1}']
)
def test_what_is_no_plan_is_refused_with_a_hint(tmp_path, text):
    path = tmp_path / "plan.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadFileError) as caught:
        load_plan(path)
    assert "cloudgpu plan" in caught.value.hint


def test_a_plan_cut_short_while_it_was_copied_is_refused(path):
    path.write_text(path.read_text(encoding="utf-8")[:-200], encoding="utf-8")
    with pytest.raises(BadFileError, match="not JSON"):
        load_plan(path)


def test_a_plan_that_is_not_there_is_not_found(tmp_path):
    with pytest.raises(NotFoundError):
        load_plan(latest_plan_path(tmp_path))


def test_a_place_that_cannot_be_written_is_said(plan, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(BadFileError, match="cannot be written"):
        save_plan(plan, tmp_path / "file" / "plan.json")
