"""What the tests of rendered set-ups share."""

import pytest
import typer
from typer.testing import CliRunner


@pytest.fixture
def render(tmp_path, monkeypatch):
    """`render("compose", "--gpus", "2")`: what `cloudgpu render qwen-14b` prints, without a network or a home.

    `render.typed(...)` is the same with a model and without the card, for what may be refused.
    """
    import cloudgpu.cli.render_as

    for name in ("HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    alone = typer.Typer()
    alone.command("other")(lambda: None)
    cloudgpu.cli.render_as.register(alone)

    def typed(*words):
        return CliRunner().invoke(alone, ["render", *words])

    def run(form, *options):
        done = typed("qwen-14b", "--as", form, "--gpu", "RTX 4090", *options)
        assert done.exit_code == 0, done.output
        return done.stdout

    run.typed = typed
    return run
