"""What the answers of both sides allow."""

import pytest

from cloudgpu.base.errors import BadFileError
from cloudgpu.moving.comparison import Comparison, Reply, objection, read_questions

SAID = Reply(text="42", ttft_s=0.1, total_s=0.2)
EMPTY = Reply(text="  \n", ttft_s=0.1, total_s=0.2)
SILENT = Reply(error="time-out")


def asked(old, new):
    return Comparison(question="?", old=old, new=new)


def test_answers_to_everything_allow_the_move():
    assert objection([asked(SAID, SAID), asked(SAID, SAID)]) is None


def test_an_empty_answer_is_no_answer():
    assert "it was empty" in objection([asked(SAID, SAID), asked(SAID, EMPTY)])


def test_the_reason_of_a_missing_answer_is_told():
    assert "time-out" in objection([asked(SAID, SILENT)])


def test_a_question_that_the_old_side_cannot_answer_either_is_not_held_against_the_new_one():
    assert objection([asked(SILENT, SILENT), asked(SAID, SAID)]) is None


def test_a_new_side_that_answers_nothing_never_takes_over():
    assert objection([asked(SILENT, SILENT)])
    assert objection([])


def test_a_comparison_comes_back_from_the_journal_as_it_was():
    kept = asked(SAID, SILENT)
    assert Comparison.from_body(kept.as_body()) == kept


def test_questions_are_read_one_a_line_without_comments(tmp_path):
    path = tmp_path / "questions.txt"
    path.write_text("# mine\n\nWho are you?\n  And why?  \n", encoding="utf-8")
    assert read_questions(path) == ("Who are you?", "And why?")


@pytest.mark.parametrize("text", ["", "# nothing\n", "q\n" * 51])
def test_no_question_and_too_many_are_refused(tmp_path, text):
    path = tmp_path / "questions.txt"
    path.write_text(text)
    with pytest.raises(BadFileError):
        read_questions(path)


def test_a_file_that_is_not_text_or_not_there_is_refused(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name in ("binary", "missing"):
        with pytest.raises(BadFileError):
            read_questions(tmp_path / name)
