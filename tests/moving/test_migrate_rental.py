"""Resuming rents nothing above what was agreed without showing the price and asking."""

from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace

import pytest

from cloudgpu.base.errors import CloudgpuError, ConflictError, UsageError
from cloudgpu.cli.migrate import rental
from cloudgpu.cli.migrate.rental import Caps, agreed_again, agreement, request_again
from cloudgpu.moving import resuming
from cloudgpu.moving.migration import Agreed
from cloudgpu.moving.state import MigrationState
from cloudgpu.running.records import DeploymentState

LITTLE = Agreed(usd_per_hour=Decimal("0.33"), wait_s=900.0, spend_usd=Decimal("0.50"))


@pytest.fixture
def session(move):
    return SimpleNamespace(store=move.store, settings=SimpleNamespace(state_dir=move.desk.path))


@pytest.fixture
def interrupted(move):
    return replace(move.migration, state=MigrationState.PROVISIONING, agreed=LITTLE)


@pytest.fixture
def today(monkeypatch, move):
    """What the cheapest offers cost today: GPU and a cent of disk."""

    def set_to(*cents):
        one = move.desk.request("qwen").rentals[0].offer
        offers = [replace(one, offer_id=str(n), gpu_usd_per_hour=Decimal(c) / 100) for n, c in enumerate(cents)]
        request = replace(move.desk.request("qwen", offers=offers), service="mistral")
        monkeypatch.setattr(rental, "_request_today", lambda *_: request)
        return request

    return set_to


@pytest.fixture
def asked(monkeypatch):
    questions, answers = [], []
    monkeypatch.setattr(rental.render, "confirm", lambda q: questions.append(q) or answers.pop())
    return SimpleNamespace(questions=questions, answers=answers)


def test_within_what_was_agreed_the_price_is_said_and_nobody_is_asked(session, interrupted, today, asked, capsys):
    today(30)
    assert agreed_again(session, interrupted, yes=False) == interrupted
    assert asked.questions == []
    assert "$0.33" in capsys.readouterr().err


def test_above_what_was_agreed_the_price_is_shown_and_asked(session, interrupted, today, asked, capsys):
    request = today(60)
    asked.answers[:] = [False]
    assert agreed_again(session, interrupted, yes=False) is None
    told = capsys.readouterr().err
    assert f"{request.rentals[0].usd_per_hour:.4f}" in told
    assert "$0.3300/h was agreed" in told
    asked.answers[:] = [True]
    assert agreed_again(session, interrupted, yes=False).agreed == agreement(request)


def test_a_yes_beforehand_agrees_to_todays_price(session, interrupted, today, asked):
    request = today(60)
    assert agreed_again(session, interrupted, yes=True).agreed == agreement(request)
    assert asked.questions == []


def test_without_anybody_to_ask_a_dearer_price_is_refused(session, interrupted, today):
    today(60)
    with pytest.raises(UsageError) as refusal:
        agreed_again(session, interrupted, yes=False)
    assert "--yes" in refusal.value.hint


def test_a_record_without_an_agreement_is_asked_about(session, interrupted, today, asked):
    today(1)
    asked.answers[:] = [False]
    assert agreed_again(session, replace(interrupted, agreed=None), yes=False) is None


def test_only_offers_within_what_was_agreed_are_rented(session, interrupted, today):
    today(30, 60)
    request = request_again(session, interrupted)
    assert [rental.offer.offer_id for rental in request.rentals] == ["0"]
    limits = request.limits
    assert (limits.max_usd_per_hour, limits.max_wait_s, limits.max_spend_usd) == (
        Decimal("0.33"),
        900.0,
        Decimal("0.50"),
    )


def test_when_all_of_it_is_dearer_nothing_is_rented(session, interrupted, today):
    today(60)
    with pytest.raises(ConflictError, match="more than was agreed"):
        request_again(session, interrupted)


def test_a_new_side_that_is_coming_up_is_gone_on_with_and_nothing_else_is_rented(session, move, interrupted, asked):
    left = coming_up(move)
    assert agreed_again(session, interrupted, yes=False) == interrupted
    request = request_again(session, interrupted)
    assert (request.rentals, request.name, request.model) == ((), left.name, left.model)
    assert (request.limits.max_wait_s, request.limits.max_spend_usd) == (900.0, Decimal("0.50"))
    acts = replace(move.acts, request_for=lambda migration: request_again(session, migration))
    assert resuming.resume(interrupted, acts).state is MigrationState.PROMOTED
    assert len(move.provider.creates) == 2


def test_a_new_side_that_vanished_while_it_came_up_is_not_rented_again_unasked(session, move, interrupted):
    left = coming_up(move)
    acts = replace(move.acts, request_for=lambda migration: request_again(session, migration))
    request = request_again(session, interrupted)
    move.desk.down(left)
    with pytest.raises(CloudgpuError):
        resuming.resume(interrupted, replace(acts, request_for=lambda _: request))
    assert len(move.provider.creates) == 2


@pytest.mark.parametrize("state", [MigrationState.VALIDATING, MigrationState.PROMOTED, MigrationState.ROLLED_BACK])
def test_where_nothing_has_to_be_rented_nobody_is_asked(session, interrupted, asked, state):
    there = replace(interrupted, state=state)
    assert agreed_again(session, there, yes=False) == there


def test_the_limits_of_the_command_line_are_those_of_the_request(session, move, monkeypatch):
    monkeypatch.setattr(rental, "request_of", lambda *_, **given: given["limits"])
    plan = SimpleNamespace(needs=SimpleNamespace(max_usd_per_hour=Decimal(9), hours=Decimal(24)))
    caps = Caps(max_price=Decimal("0.4"), max_wait_minutes=5, max_spend=Decimal(1))
    limits = rental.request_for_plan(session, plan, move.migration, caps)
    assert (limits.max_usd_per_hour, limits.max_wait_s, limits.max_spend_usd) == (Decimal("0.4"), 300, Decimal(1))


def coming_up(move):
    """What a kill leaves while the new side is loading."""
    loading = replace(move.desk.up("qwen"), service="mistral", state=DeploymentState.LOADING, ready_at=None)
    move.store.save_deployment(loading)
    return loading
