"""The table of faults in docs/emulator.md. `python -m tests.emulator.fault_table` writes it anew."""

from pathlib import Path

from cloudgpu.emulator.faults.kinds import CALLS, KINDS

PAGE = Path(__file__).parents[2] / "docs" / "emulator.md"
BEGIN, END = "<!-- kinds -->\n", "<!-- /kinds -->"


def table():
    """Every kind, one row each."""
    rows = [
        f"| {_places(kind.on)} | `{kind.do}` | {kind.says} | {_whose(kind.providers)} | {_options(kind.reads)} |\n"
        for kind in KINDS
    ]
    return "| on | do | what happens | provider | reads |\n|---|---|---|---|---|\n" + "".join(rows)


def written():
    """The table as it stands on the page."""
    return PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]


def _places(places):
    return "any call" if places == CALLS else ", ".join(places)


def _whose(providers):
    return "both" if len(providers) > 1 else providers[0]


def _options(names):
    return ", ".join(names)


if __name__ == "__main__":
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(before + BEGIN + table() + END + rest.partition(END)[2], encoding="utf-8")
