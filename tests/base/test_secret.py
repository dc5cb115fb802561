"""A secret is hidden by its type, whatever prints it."""

import dataclasses

from cloudgpu.base.secret import Secret


@dataclasses.dataclass
class Holder:
    key: Secret


def test_no_way_of_printing_shows_the_text():
    secret = Secret("sk-very-secret")
    shown = f"{secret} {secret!r} {[secret]} {Holder(secret)} {'%s' % secret}"  # noqa: UP031
    assert "very" not in shown


def test_only_reveal_gives_the_text():
    assert Secret("sk-very-secret").reveal() == "sk-very-secret"


def test_an_empty_secret_is_false():
    assert not Secret("")
    assert Secret("x")
