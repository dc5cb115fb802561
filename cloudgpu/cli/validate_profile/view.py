"""How a validation and its history are shown."""

from itertools import groupby
from typing import TYPE_CHECKING

from cloudgpu.cli import render
from cloudgpu.cli.render import Column
from cloudgpu.serving.lint.validation import Judgement, Validation, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cloudgpu.cli.validate_profile.history import Entry

_LABEL = 24


def show(found: list[Validation], *, as_json: bool) -> None:
    """Every service: its parameters, what speaks against them and the way out, and the score by category."""
    if as_json:
        return render.out_json({"services": [_plain(each) for each in found]})
    for each in found:
        _show_one(each)
    return None


def show_history(profile: str, entries: "list[Entry]", *, as_json: bool) -> None:
    """The scores of a profile, oldest first, and what was set differently each time."""
    if as_json:
        return render.out_json({"profile": profile, "history": entries})
    if not entries:
        return render.text(f"{profile} was never validated here.")
    columns = [Column("When"), Column("Service"), Column("Release"), Column("Cards"), Column("Score"), Column("Fails")]
    rows = [
        (each["at"], each["service"], each["engine_version"], each["gpus"] or "-", f"{each['score']} of {each['of']}",
         ", ".join(each["fails"]) or "-")
        for each in entries
    ]  # fmt: skip
    render.table(columns, rows)
    for each in entries:
        for change in each.get("changed", ()):
            render.hanging(f"  {each['at']:<{_LABEL}}", change)
    return None


def _show_one(found: Validation) -> None:
    render.heading(f"{found.service}: {found.model or 'unknown model'}, vLLM {found.version}")
    columns = [Column("Parameter"), Column("Value"), Column("Verdict"), Column("Rules"), Column("Figure", drop=2)]
    render.table(columns, list(_rows(found.judgements)))
    for each in found.judgements:
        if each.message and each.verdict in (Verdict.FAILS, Verdict.WEAK):
            _hang(each.parameter, each.message, each.fix)
    for other in found.others:
        _hang(
            f"{other.rule} {other.severity.value}", other.message, other.fix, "" if other.severity == "error" else "dim"
        )
    _show_score(found)


def _rows(judgements: "Iterable[Judgement]") -> "Iterator[tuple[str, ...]]":
    """Below each category's name its parameters, so that the category is there however narrow the terminal is."""
    for category, own in groupby(judgements, key=lambda each: each.category):
        yield (category, "", "", "", "")
        for each in own:
            yield (f"  {each.parameter}", _value(each), each.verdict.value, " ".join(each.rules), each.figure)


def _value(each: Judgement) -> str:
    return "?" if each.verdict is Verdict.OPEN else each.value or "-"


def _hang(label: str, message: str, fix: str | None, style: str = "") -> None:
    render.hanging(f"  {label:<{_LABEL}}", f"{message}.", style)
    if fix:
        render.hanging(f"  {'→ ':>{_LABEL}}", fix, "dim")


def _show_score(found: Validation) -> None:
    of = found.of
    render.table(
        [Column("Category"), Column("Parameters", right=True), Column("Good", right=True), Column("", right=True)],
        [(name, str(count), str(good), _percent(good, count)) for name, count, good in found.categories],
    )
    tail = ", and it will not do" if found.fails else ""
    render.text(f"Score: {found.good} of {of}, {_percent(found.good, of)}{tail}")


def _percent(good: int, of: int) -> str:
    return f"{100 * good // of} %" if of else "-"


def _plain(found: Validation) -> dict[str, object]:
    return {
        "service": found.service, "model": found.model, "engine_version": found.version, "score": found.good,
        "of": found.of, "fails": found.fails,
        "categories": [{"category": name, "of": count, "score": good} for name, count, good in found.categories],
        "parameters": [_plain_judgement(each) for each in found.judgements],
        "others": [{"rule": each.rule, "severity": each.severity.value, "message": each.message, "fix": each.fix}
                   for each in found.others],
    }  # fmt: skip


def _plain_judgement(each: Judgement) -> dict[str, object]:
    return {
        "category": each.category,
        "parameter": each.parameter,
        "value": each.value,
        "verdict": each.verdict.value,
        "rules": each.rules,
        "figure": each.figure,
        "message": each.message,
        "fix": each.fix,
    }
