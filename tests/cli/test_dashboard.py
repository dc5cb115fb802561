"""The dashboard: read-only, on this machine, behind a token; it renews itself and loads nothing from anywhere."""

import pytest
from starlette.testclient import TestClient

from cloudgpu.base.clock import parse_utc
from cloudgpu.base.events import Event, EventKind
from cloudgpu.base.settings import read_settings
from cloudgpu.cli.dashboard.app import dashboard_app
from cloudgpu.cli.session import Session

TOKEN = "a-token-of-this-test"


@pytest.fixture
def session(tmp_path):
    session = Session(read_settings({"XDG_STATE_HOME": str(tmp_path), "HOME": str(tmp_path)}))
    rented = {"model": "m", "gpu": "RTX 4090", "gpu_usd_per_hour": "0.36", "disk_usd_per_hour": "0.018"}
    seen = {"state": "ready", "gpu_billing": True, "disk_billing": True, **rented}
    for kind, minute, data in (("intended", 0, rented), ("created", 1, {}), ("observed", 5, seen)):
        at = parse_utc(f"2026-03-01T12:{minute:02d}:00+00:00")
        session.emit(
            Event(
                kind=EventKind(kind), at=at, deployment="<b>mistral</b>", provider="vast", token="t-1",
                instance_id="7001", data=data,
            )
        )  # fmt: skip
    yield session
    session.store.close()


@pytest.fixture
def client(session):
    return TestClient(dashboard_app(session, TOKEN, 1))


def test_only_who_knows_the_token_sees_it(client):
    assert client.get(f"/{TOKEN}/").status_code == 200
    for path in ("/", "/body", "/wrong/", f"/{TOKEN}x/", f"/{TOKEN}/other"):
        assert client.get(path).status_code == 404


def test_nothing_can_be_changed_through_it(client):
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert client.request(method, f"/{TOKEN}/").status_code == 405


def test_it_forbids_everything_from_elsewhere_and_every_frame(client):
    policy = client.get(f"/{TOKEN}/").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy


def test_it_tells_the_burn_and_lets_no_name_break_out(client):
    text = client.get(f"/{TOKEN}/body").text
    assert "$0.3780" in text
    assert "<b>mistral" not in text


def test_a_journal_that_cannot_be_read_is_one_sentence(tmp_path):
    folder = tmp_path / "cloudgpu"
    folder.mkdir()
    (folder / "cloudgpu.db").write_bytes(b"not a database, by any means" * 40)
    broken = Session(read_settings({"XDG_STATE_HOME": str(tmp_path), "HOME": str(tmp_path)}))
    text = TestClient(dashboard_app(broken, TOKEN, 1)).get(f"/{TOKEN}/").text
    assert "cannot be used" in text
    assert "Traceback" not in text


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1280])
def test_in_a_browser_it_renews_itself_and_fits(client, browser, session, width):
    shown = browser.new_page(viewport={"width": width, "height": 900})
    said, asked = [], []
    shown.on("console", lambda message: said.append(message.text))
    shown.on("request", lambda request: asked.append(request.url))
    shown.route("**/*", lambda route: _answer(client, route))
    shown.goto(f"http://127.0.0.1/{TOKEN}/")
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    gone = {"kind": EventKind.GONE, "at": parse_utc("2026-03-01T13:00:00+00:00")}
    session.emit(Event(deployment="<b>mistral</b>", provider="vast", token="t-1", instance_id="7001", **gone))
    shown.wait_for_selector("text=Nothing bills now", timeout=120_000)
    assert said == []
    assert {url.split("/")[2] for url in asked if url.startswith("http")} == {"127.0.0.1"}


def _answer(client, route):
    got = client.get(route.request.url.removeprefix("http://127.0.0.1"))
    route.fulfill(status=got.status_code, headers=dict(got.headers), body=got.content)
