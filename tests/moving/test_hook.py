"""The hook is told of the move; whatever it does, it is told of and nothing breaks."""

import os
import select

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
    """Whoever still ran would hold the pipe open."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with open(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as reader:
        result = run_hook(f"exec 3> {pipe}; echo runs >&3; sleep 600 & sleep 600", {}, limit_s=1.0)
        assert result.failure == "the hook was stopped after 1 s"
        os.set_blocking(reader.fileno(), True)
        assert select.select([reader], [], [], 60)[0]
        assert reader.read(100) in (b"runs\n", b"")
        assert select.select([reader], [], [], 60)[0]
        assert reader.read(100) == b""


def test_a_hook_cannot_wait_for_an_answer_on_the_terminal():
    assert run_hook("read line; echo got $line", {}, limit_s=120).output == "got"


def test_a_variable_that_no_process_can_carry_is_a_failure_and_no_exception():
    assert "could not be started" in run_hook("true", {"CLOUDGPU_MODEL": "a\0b"}).failure
