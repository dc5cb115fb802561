"""A file is the old one or the new one, never half of one; and nothing but an ordinary file is ever replaced."""

import os
import stat
from pathlib import Path

import pytest

from cloudgpu.base.whole_file import place_of, write_whole, write_whole_with


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_text_is_there_whole_and_nothing_beside_it(tmp_path):
    write_whole(tmp_path / "a.txt", "ä\n")
    assert (tmp_path / "a.txt").read_bytes() == "ä\n".encode()
    assert left(tmp_path) == ["a.txt"]


def test_a_writer_that_fails_half_way_leaves_the_old_file(tmp_path):
    def fails(beside):
        beside.write_text("half")
        raise RuntimeError("power cut")

    (tmp_path / "a.txt").write_text("precious")
    with pytest.raises(RuntimeError):
        write_whole_with(tmp_path / "a.txt", fails)
    assert (tmp_path / "a.txt").read_text() == "precious"
    assert left(tmp_path) == ["a.txt"]


def test_a_new_file_has_the_usual_permissions_and_an_old_one_keeps_its_own(tmp_path):
    usual, private, old = (tmp_path / name for name in ("usual", "private", "old"))
    old.write_text("x")
    old.chmod(0o640)
    mask = os.umask(0o022)
    try:
        write_whole(usual, "x")
        write_whole(private, "x", private=True)
        write_whole(old, "y")
    finally:
        os.umask(mask)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (usual, private, old)] == [0o644, 0o600, 0o640]


def test_a_file_that_others_could_read_becomes_private_when_a_secret_is_written(tmp_path):
    (tmp_path / "key").write_text("x")
    (tmp_path / "key").chmod(0o644)
    write_whole(tmp_path / "key", "y", private=True)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


@pytest.mark.parametrize("target", ["old.txt", "not-there-yet.txt"])
def test_a_link_stays_a_link_and_what_it_leads_to_is_written(tmp_path, target):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "old.txt").write_text("old")
    (tmp_path / "second").symlink_to(Path("there") / target)
    (tmp_path / "first").symlink_to(tmp_path / "second")
    write_whole(tmp_path / "first", "new")
    assert (tmp_path / "first").is_symlink()
    assert (tmp_path / "there" / target).read_text() == "new"


def test_a_link_to_itself_is_refused(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="leads to itself"):
        write_whole(tmp_path / "a", "x")


@pytest.mark.parametrize("name", ["/dev/null", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/dev/no-such-device"])
def test_what_the_system_makes_up_is_never_replaced_nor_reached_by_a_link(tmp_path, name):
    before = os.stat("/dev/null").st_rdev
    (tmp_path / "link").symlink_to(name)
    for place in (Path(name), tmp_path / "link"):
        with pytest.raises(OSError, match="no ordinary file"):
            write_whole(place, "x")
    assert os.stat("/dev/null").st_rdev == before
    assert not Path("/dev/no-such-device").exists()


def test_a_pipe_and_a_folder_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", tmp_path):
        with pytest.raises(OSError, match="no ordinary file"):
            place_of(place)


def test_a_name_as_long_as_a_file_system_takes_can_be_written(tmp_path):
    write_whole(tmp_path / ("n" * 250), "x")
    assert left(tmp_path) == ["n" * 250]
