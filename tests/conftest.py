"""A real browser for whoever shows pages; signals as they were; no deadline for an example on a busy machine."""

import os
import shutil
import signal

import pytest
from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

for name in ("COLUMNS", "LINES"):  # the workers of pytest-xdist have them: a line is as wide as its test says
    os.environ.pop(name, None)

for number in (signal.SIGINT, signal.SIGHUP):  # nohup and `&` leave them ignored, by us and by all that we start
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

_QUIET = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
          "--disable-component-update", "--disable-sync", "--disable-quic")  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium, driven by Playwright; skipped where it is not installed (Debian: apt install chromium).

    Of one module: while its driver runs, no other event loop can.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium on this machine: apt install chromium")
    with playwright.sync_playwright() as driver:
        shown = driver.chromium.launch(executable_path=path, args=list(_QUIET), timeout=180_000)
        yield shown
        shown.close()


@pytest.fixture(autouse=True)
def _signals_as_they_were():
    """The entry point ends by ignoring what would end it, which is nothing to leave to the tests after it."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
