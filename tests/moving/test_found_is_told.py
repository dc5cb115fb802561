"""A side that answers badly is not said to be silent: what was found of it is told, wherever it is told."""

import pytest

from cloudgpu.base.errors import ConflictError
from cloudgpu.cli.migrate.standing import standing
from cloudgpu.cli.migrate.view import show_status
from cloudgpu.moving import closing, forward, sight, way_back, window
from cloudgpu.running.health import Health

ERRS = Health(ready=False, phase="warming", detail="the first completion answers 500")
SILENT = Health(ready=False, phase="silent", detail="no answer in time")
WELL = Health(ready=True, phase="ready", detail="", text="So it is.")


@pytest.fixture
def promoted(move):
    return forward.go_forward(move.migration, move.acts)


@pytest.fixture
def shown(session, monkeypatch, move, capsys):
    """What `migrate status` prints after a look, with what the sides of these names are found to be."""

    def look(migration, text="So it is.", **found):
        monkeypatch.setattr(sight.Sight, "_asked", lambda _, life: found.get(life.name, WELL))
        monkeypatch.setattr(sight, "reply", lambda *_: Health(ready=True, phase="ready", detail="", text=text))
        now = window.look(migration, move.acts)
        capsys.readouterr()
        show_status(session, standing(session, now))
        return " ".join(capsys.readouterr().out.split())

    return look


def test_a_side_that_answers_with_errors_fails_and_is_not_silent(shown, promoted, move):
    said = shown(promoted, mistral=ERRS)
    assert "mistral fails: the first completion answers 500, and bills $" in said
    assert "ready, fails: the first completion answers 500, $" in said
    assert "does not answer" not in said
    with pytest.raises(ConflictError, match="mistral fails: the first completion answers 500, so it cannot take over"):
        way_back.roll_back(promoted, move.acts)


def test_a_new_side_is_rolled_back_from_for_what_was_found(shown, promoted, move):
    said = shown(promoted, qwen=ERRS)
    assert "rolled back by itself: qwen fails: the first completion answers 500" in said
    assert "does not answer" not in said
    with pytest.raises(ConflictError, match=r"qwen fails: .* 500, so mistral is not destroyed"):
        closing.finalize(promoted, move.acts)


def test_a_side_that_answers_garbage_answers(shown, promoted):
    said = shown(promoted, text="", mistral=ERRS, qwen=Health(ready=True, phase="ready", detail="", text="!!!!!!!!!!!"))
    assert "qwen answers, but 3 of 3 answers" in said
    assert "qwen does not answer" not in said


def test_a_silent_side_does_not_answer_and_one_that_is_well_again_is_told_nothing_of(shown, promoted, move):
    assert "mistral does not answer, and bills $" in shown(promoted, mistral=SILENT)
    assert "mistral does not answer" not in shown(move.saved())
