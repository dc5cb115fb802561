"""The HTML report in a real browser: nothing overflows, nothing fails, nothing is loaded from anywhere."""

import re
from datetime import timedelta

import pytest
from lifetimes import NOON, at, charged, event
from test_moves import a_migration, side

from cloudgpu.accounting.exports.book import open_book
from cloudgpu.accounting.exports.html import html_text
from cloudgpu.accounting.history import read_history


def page():
    days = [e for day in range(20) for e in side(f"model-{day % 3}", at(day * 1440), gone=at(day * 1440 + 300))]
    long_name = side("a-deployment-with-a-name-that-goes-on-and-on-" * 2, at(2000), gone=at(2100))
    balance = event("balance", at(40), {"usd": "12.34"}, token=None, deployment=None)
    doubt = event("uncertain", at(30000), token="t-9", deployment="lost")
    bill = charged(at(310), ("gpu", at(0), at(300), "1.80"), token="t-mistral-1200", deployment="mistral")
    history = read_history([*a_migration(), *days, *long_name, balance, doubt, bill])
    return html_text(open_book(history, NOON + timedelta(days=21)))


def test_the_file_names_no_other_place():
    text = page()
    assert not re.search(r"(src|href)=[\"']?(http|//)", text)
    assert "<script" not in text
    assert "url(" not in text


def test_every_chart_has_its_table():
    text = page()
    charts = re.findall(r"<h2>([^<]+)</h2>.*?(?=<h2>|$)", text, re.S)
    drawn = [section for section in re.split(r"<h2>", text)[1:] if '<svg role="img"' in section]
    assert {"Cost per day", "Burn over time", "Cost by deployment", "What migrations paid for"} <= set(charts)
    assert len(drawn) == 4
    assert all("<table>" in section for section in drawn)


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_reads_well_on_a_phone_and_a_desk_light_and_dark(browser, tmp_path, width, scheme):
    (tmp_path / "report.html").write_text(page(), encoding="utf-8")
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    shown, said, asked = context.new_page(), [], []
    shown.on("console", lambda message: said.append(message.text))
    shown.on("pageerror", lambda error: said.append(str(error)))
    shown.on("request", lambda request: asked.append(request.url))
    shown.goto((tmp_path / "report.html").as_uri())
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    visible = shown.locator("svg[role=img]:visible")
    assert visible.count() == 4
    for index in range(4):
        box = visible.nth(index).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    assert _contrast(shown) >= 4.5
    assert len(shown.screenshot(full_page=True)) > 10_000


def _contrast(shown):
    """Of the text against its page, as WCAG counts it."""
    back, ink = (
        shown.evaluate(f"getComputedStyle(document.body).{name}") for name in ("backgroundColor", "color")
    )  # fmt: skip
    high, low = sorted((_luminance(back), _luminance(ink)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(css):
    parts = [int(part) / 255 for part in re.findall(r"\d+", css)[:3]]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
