"""What the sweep finds is named so that no hint about it can hit a deployment that is well."""

from dataclasses import replace
from datetime import timedelta

from cloudgpu.running.deployment import DeploymentState
from cloudgpu.running.sweep import Why, adopted, sweep


def test_a_life_that_came_back_does_not_take_the_name_of_the_one_that_serves(desk):
    first = desk.up()
    desk.store.save_deployment(replace(first, state=DeploymentState.GONE))
    second = desk.up()
    (finding,) = sweep(desk.provider, desk.store, desk.clock.now())
    assert finding.why is Why.SHOULD_BE_GONE
    reopened = adopted(finding, desk.provider, desk.store, desk.clock.now())
    desk.store.save_deployment(reopened)
    assert reopened.token == first.token
    assert reopened.name == f"mistral#{first.instance_id}"
    assert desk.store.deployment("mistral") == second


def test_a_life_that_came_back_keeps_its_name_while_nobody_else_has_it(desk):
    first = desk.up()
    desk.store.save_deployment(replace(first, state=DeploymentState.GONE))
    (finding,) = sweep(desk.provider, desk.store, desk.clock.now())
    assert adopted(finding, desk.provider, desk.store, desk.clock.now()).name == "mistral"


def test_two_instances_under_one_label_are_seen_even_while_the_journal_knows_no_id(desk):
    first = desk.up()
    older = desk.provider.machines[first.instance_id]
    desk.provider.machines["2000"] = replace(
        older, instance_id="2000", created_at=older.created_at + timedelta(minutes=1)
    )
    desk.store.save_deployment(replace(first, instance_id=None, state=DeploymentState.UNCERTAIN))
    found = sweep(desk.provider, desk.store, desk.clock.now())
    assert [(each.why, each.view.instance_id) for each in found] == [(Why.TWIN, "2000")]
