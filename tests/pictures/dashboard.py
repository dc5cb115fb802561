"""Takes the README's picture of `cloudgpu dashboard`: ten days on the emulator, a migration, and headless Chromium.

    python tests/pictures/dashboard.py [FOLDER]

Writes docs/images/dashboard.png; with a folder, the whole page at two widths, light and dark, there as well. The
emulator's clock stands and is moved by hand: ten days take a minute. Needs Chromium and the development extras.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "dashboard.png"
DAYS = 9
TOKENS = 4000
DESK, PHONE = 1040, 360
PICTURE_HEIGHT = 1090


class Player:
    """Types commands into a state of its own, and asks the engines as clients would."""

    def __init__(self, home: str) -> None:
        hidden = {"VAST_API_KEY", "RUNPOD_API_KEY", "HF_TOKEN", "CLOUDGPU_STORE"}
        kept = {name: value for name, value in os.environ.items() if name not in hidden}
        self.environment = {**kept, "HOME": home, "XDG_STATE_HOME": home}
        self.home = Path(home) / "cloudgpu"

    def types(self, *words: str) -> None:
        done = subprocess.run(self.command(*words), env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"cloudgpu {' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "cloudgpu", *words]

    def asks(self, service: str, times: int) -> None:
        address = json.loads((self.home / "services" / service / "current" / "endpoint.json").read_text())
        body = {"model": address["model"], "messages": [{"role": "user", "content": "Tell me of a long road."}],
                "max_tokens": TOKENS, "ignore_eos": True}  # fmt: skip
        head = {"Authorization": f"Bearer {address['api_key']}", "Content-Type": "application/json"}
        for _ in range(times):
            url = f"{address['base_url']}/chat/completions"
            urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), head), timeout=30).read()

    def half_a_day(self, **asked: int) -> None:
        for service, times in asked.items():
            self.asks(service, times)
        self.types("emulator", "advance", "43200")
        self.types("watch", "--once")


def play(player: Player) -> None:
    """Ten days: a model serves, a second one for three of them, and a bigger one takes the first one's place."""
    player.types("emulator", "start", "--speed", "0", "--fresh", "--seed", "7")
    player.types("up", "mistral-7b", "--provider", "emulator", "--ttl", "30d", "--yes")
    player.types("budget", "set", "--monthly", "120")
    for day in range(DAYS):
        if day == 3:
            player.types("up", "qwen3-8b", "--provider", "emulator", "--name", "batch", "--ttl", "30d", "--yes")
        both = {"batch": 110} if 3 <= day < 6 else {}
        player.half_a_day(mistral=60 + 15 * (day % 4), **both)
        player.half_a_day(mistral=25, **both)
        if day == 5:
            player.types("down", "batch", "--yes")
    player.types("migrate", "--from", "mistral", "--to", "qwen-14b", "--window", "720", "--yes")
    player.asks("mistral", 40)
    player.types("emulator", "advance", "14400")
    player.types("watch", "--once")
    player.types("cost")


def take(browser: Browser, url: str, path: Path, width: int, scheme: str, *, height: int | None = None) -> None:
    """One picture: the whole page, or so many pixels of it from the top."""
    context = browser.new_context(viewport={"width": width, "height": height or 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(url)
    page.screenshot(path=path, full_page=height is None)
    context.close()


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory() as home:
        player = Player(home)
        try:
            play(player)
            pictures(player, folder)
        finally:
            player.types("emulator", "stop")
    sys.stdout.write(f"{PICTURE}: {PICTURE.stat().st_size / 1000:.0f} kB\n")


def pictures(player: Player, folder: Path | None) -> None:
    served = subprocess.Popen(player.command("dashboard"), env=player.environment, stdout=subprocess.PIPE, text=True)
    try:
        assert served.stdout is not None
        url = served.stdout.readline().strip()
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            PICTURE.parent.mkdir(exist_ok=True)
            take(browser, url, PICTURE, DESK, "light", height=PICTURE_HEIGHT)
            for width in (DESK, PHONE) if folder else ():
                for scheme in ("light", "dark"):
                    take(browser, url, folder / f"{width}-{scheme}.png", width, scheme)
    finally:
        served.terminate()
        served.wait(20)


if __name__ == "__main__":
    main()
