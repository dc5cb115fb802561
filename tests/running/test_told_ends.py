"""What is told of a phase that came to nothing: it ends so, before anything is cleaned up."""

import pytest

from cloudgpu.base.errors import OfferGoneError, StoppedByUserError
from cloudgpu.running.providers.base import InstanceState


def ended(desk):
    """Each end with the phase that it is told of."""
    found, last = [], ""
    for told in desk.progress:
        last = told.phase or last
        if told.over is not None:
            found.append((last, told.over))
    return found


def test_a_machine_that_fails_ends_its_phase_before_it_is_destroyed(desk):
    def outbid(called):
        for machine in desk.provider.machines.values():
            machine.state = InstanceState.OUTBID if machine.instance_id == "1000" else None

    desk.provider.hook = outbid
    desk.up()
    (phase, done), *rest = ended(desk)
    assert phase not in ("destroying", "failed")
    assert not done
    assert rest == [("failed", False)]
    phases = [told.phase for told in desk.progress]
    assert phases.index("") < phases.index("destroying") < phases.index("failed")


def test_an_offer_that_is_gone_ends_the_check_of_its_price(desk):
    desk.provider.faults["offer"] = [OfferGoneError("somebody else has it")]
    desk.up()
    assert ended(desk) == [("checking price", False), ("failed", False)]


def test_ctrl_c_ends_what_was_on_and_the_removal_is_done(desk):
    def stop(called):
        if called == "create":
            desk.provider.hook = None
            raise KeyboardInterrupt

    desk.provider.hook = stop
    with pytest.raises(StoppedByUserError):
        desk.up()
    (_, first), *_, (_, last) = ended(desk)
    assert (first, last) == (False, True)
