"""The table of what the gates found can be read in a narrow terminal."""

from dataclasses import replace

from cloudgpu.cli.migrate.view import show_verdict
from cloudgpu.moving.gates.verdict import Check, Outcome, Verdict


def test_at_80_columns_two_checks_of_one_gate_are_told_apart(session, move, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    checks = tuple(
        Check(gate="stability", name=name, outcome=Outcome.PASS, reason=f"the new side is well by its {name} " * 3)
        for name in ("crashes", "errors")
    )
    verdict = Verdict(old="mistral", new="qwen", at=move.desk.clock.now(), checks=checks)
    show_verdict(session, replace(move.migration, verdict=verdict))
    told = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line and line[0] != " "]
    assert told == ["Gates:", "CHECK", "crashes", "errors"]
