"""The hook is told of the move; whatever it does, it is told of and nothing breaks."""

import time

from cloudgpu.moving.hook import run_hook


def test_a_hook_sees_what_moved(tmp_path):
    told = tmp_path / "told"
    result = run_hook(f'echo "$CLOUDGPU_SERVICE $CLOUDGPU_DEPLOYMENT" > {told}', {
        "CLOUDGPU_SERVICE": "chat", "CLOUDGPU_DEPLOYMENT": "qwen-14b",
    })  # fmt: skip
    assert result.failure is None
    assert told.read_text() == "chat qwen-14b\n"


def test_a_hook_that_fails_says_how_and_what_it_printed_last():
    result = run_hook("echo no such proxy >&2; exit 7", {})
    assert result.failure == "the hook ended with status 7"
    assert result.output == "no such proxy"


def test_a_hook_that_does_not_exist_is_a_failure_and_no_exception():
    assert run_hook("/no/such/command", {}).failure == "the hook ended with status 127"


def test_a_hook_that_hangs_is_stopped_with_everything_it_started(tmp_path):
    began = time.monotonic()
    result = run_hook(f"(sleep 0.5; touch {tmp_path}/late) & sleep 30", {}, limit_s=0.2)
    assert result.failure == "the hook was stopped after 0.2 s"
    assert time.monotonic() - began < 3
    time.sleep(0.6)  # a process of its own: no clock of ours can stand in for its
    assert not (tmp_path / "late").exists()


def test_a_hook_cannot_wait_for_an_answer_on_the_terminal():
    assert run_hook("read line; echo got $line", {}, limit_s=5).output == "got"


def test_a_variable_that_no_process_can_carry_is_a_failure_and_no_exception():
    assert "could not be started" in run_hook("true", {"CLOUDGPU_MODEL": "a\0b"}).failure
