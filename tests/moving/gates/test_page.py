"""The side-by-side page: what a person must find there, and what hostile answers must not do to it."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from made_up_runs import evidence

from cloudgpu.moving.bench.contrast import contrasts
from cloudgpu.moving.bench.left_out import left_out
from cloudgpu.moving.gates.judge import weigh
from cloudgpu.moving.gates.page.contents import page_of
from cloudgpu.moving.gates.page.contrast import contrast_html
from cloudgpu.moving.gates.page.html import page_html
from cloudgpu.moving.gates.page.markdown import page_markdown
from cloudgpu.moving.gates.thresholds import Thresholds
from cloudgpu.moving.quality.referee import Opinion

HOSTILE = (
    '</pre><script src="http://evil.example/x.js">alert(1)</script><img src=x onerror=alert(1)> | `x`\x1b[2J\n# Big'
)


class Seen(HTMLParser):
    """The tags and attributes of a page, and whether each tag that must be closed is."""

    VOID = frozenset({"meta", "line", "rect", "circle", "th", "td", "li", "p", "tr"})

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.open = set(), set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


def page(**changes):
    found = evidence(1, slower=2.0, worse=0.3)
    return page_of(found, weigh(found, Thresholds()))


def hostile_page():
    found = evidence(1, worse=0.3)
    sides = tuple(
        replace(side, trials=tuple(
            replace(each, text=HOSTILE, question=HOSTILE, prompt=f"{each.prompt} {HOSTILE}", failures=(HOSTILE,))
            for each in side.trials
        ))
        for side in found.quality
    )  # fmt: skip
    runs = tuple(replace(run, name=HOSTILE, model=HOSTILE) for run in found.runs)
    opinions = tuple(Opinion(prompt=each.prompt, preference="new") for each in sides[0].trials[::3])
    found = replace(found, runs=runs, quality=sides, opinions=opinions)
    return page_of(found, weigh(found, Thresholds()))


def test_the_page_begins_with_the_verdict_and_holds_every_check_and_load():
    shown = page()
    for text in (page_html(shown), page_markdown(shown)):
        assert text.index("fail") < text.index("Gates") or text.index("FAIL") < text.index("Gates")
        assert all(each.name in text for each in shown.checks)
        assert all(load in text for load in ("one by one", "1 user", "10 users", "20 users"))


def test_answers_that_differ_come_first_and_the_others_are_folded_away():
    shown = page()
    worth = [pair.is_worth_reading for pair in shown.answers]
    assert worth == sorted(worth, reverse=True)
    assert 0 < sum(worth) < len(worth)
    assert "<details>" in page_html(shown)


def test_the_html_is_whole_and_loads_and_runs_nothing():
    seen = Seen(page_html(page()))
    assert not seen.open
    assert not seen.tags & {"script", "img", "link", "iframe", "object"}
    assert not seen.attributes & {"src", "href", "onerror", "onclick"}


def test_what_a_model_says_can_do_nothing_to_the_page():
    text = page_html(hostile_page())
    seen = Seen(text)
    assert not seen.open
    assert not seen.tags & {"script", "img"}
    assert not seen.attributes & {"src", "onerror"}


def test_what_a_model_says_stays_in_its_cell_of_the_markdown():
    text = page_markdown(hostile_page())
    assert "<script" not in text
    assert "\x1b" not in text
    assert not re.search(r"^# Big", text, re.M)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert all(len(re.findall(r"(?<!\\)\|", row)) in (3, 6, 8) for row in rows)


def test_a_load_that_only_one_side_was_measured_under_is_named():
    found = evidence(1)
    old, new = found.runs
    cut = replace(new, stages=tuple(each for each in new.stages if each.users != 20), ended="stopped by Ctrl-C")
    found = replace(found, runs=(old, cut))
    said = "Left out: 20 users (only old was measured under it; new ended early: stopped by Ctrl-C)."
    shown = page_of(found, weigh(found, Thresholds()))
    assert said in page_html(shown)
    assert said in page_markdown(shown)


@pytest.mark.slow
def test_no_page_is_wider_than_its_window_and_a_phone_shows_every_reason_whole(browser, tmp_path):
    word = "a-word-without-an-end-" * 40
    found = evidence(1, slower=2.0, worse=0.3)
    one, other = (replace(run, name=f"{run.name} {word}", model=word) for run in found.runs)
    shown = page_of(replace(found, runs=(one, other)), weigh(found, Thresholds()))
    (tmp_path / "gates.html").write_text(page_html(shown), encoding="utf-8")
    (tmp_path / "saved.html").write_text(contrast_html(one, other, contrasts(one, other), left_out(one, other)))
    for width in (400, 1280):
        page = browser.new_page(viewport={"width": width, "height": 900})
        for name in ("gates", "saved"):
            page.goto((tmp_path / f"{name}.html").as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} at {width}"
        page.goto((tmp_path / "gates.html").as_uri())
        boxes = [each.bounding_box() for each in page.locator("tr.why td:last-child").all()]
        assert len(boxes) == len(shown.checks)
        assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)
