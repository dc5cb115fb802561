"""A profile parameter by parameter: what is set, what the rules say of it, and the figure beside it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cloudgpu.base.errors import UsageError
from cloudgpu.serving.lint.case import Case, Host
from cloudgpu.serving.lint.check import Report, case_of, is_vllm, lint_services
from cloudgpu.serving.lint.figures import figure_of
from cloudgpu.serving.lint.finding import Finding, Severity
from cloudgpu.serving.lint.reading.service import Service
from cloudgpu.serving.lint.reading.variables import UNKNOWN
from cloudgpu.sizing.model import ModelSpec


class Verdict(StrEnum):
    """GOOD: no rule objects. NOTE, WEAK and FAILS follow the worst finding. NOT_SET: the engine's default stands.

    OPEN: the value is filled only at a start, or stands in a variable that nobody can see.
    """

    GOOD = "good"
    NOTE = "note"
    WEAK = "weak"
    FAILS = "fails"
    NOT_SET = "not set"
    OPEN = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One parameter. `value` None: it is not set. `rules` are those that object, else all that were asked; `message`
    and `fix` are the worst finding's. `figure` is empty where model or machine would have to be known for one.
    """

    category: str
    parameter: str
    value: str | None
    verdict: Verdict
    rules: tuple[str, ...]
    figure: str
    message: str | None
    fix: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """A service's judgements, and every finding that belongs to none of its parameters."""

    service: str
    model: str | None
    version: str
    judgements: tuple[Judgement, ...]
    others: tuple[Finding, ...]

    @property
    def of(self) -> int:
        """Parameters that could be judged: all but the open ones."""
        return sum(each.verdict is not Verdict.OPEN for each in self.judgements)

    @property
    def good(self) -> int:
        """Parameters that are set or left to their default, and that neither an error nor a warning speaks against."""
        return sum(map(_is_good, self.judgements))

    @property
    def categories(self) -> tuple[tuple[str, int, int], ...]:
        """(category, parameters that could be judged, good ones among them), in the order of the table."""
        judged = [each for each in self.judgements if each.verdict is not Verdict.OPEN]
        names = dict.fromkeys(each.category for each in self.judgements)
        own = [(name, [each for each in judged if each.category == name]) for name in names]
        return tuple((name, len(each), sum(map(_is_good, each))) for name, each in own)

    @property
    def fails(self) -> bool:
        """Whether any error was found, in a parameter or beside them."""
        in_a_parameter = any(each.verdict is Verdict.FAILS for each in self.judgements)
        return in_a_parameter or any(each.severity is Severity.ERROR for each in self.others)


_ANYWHERE = {"V01", "V02", "V04", "V06", "V43", "V45", "V64", "V65", "V66"}
"""Rules over every flag: they speak of the parameter whose place they name."""

_PARAMETERS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("Context and memory", "max-model-len", "--max-model-len", ("V11", "V12", "V17")),
    ("Context and memory", "RoPE override", "--hf-overrides", ("V01", "V13", "V14", "V15", "V16")),
    ("Context and memory", "gpu-memory-utilization", "--gpu-memory-utilization", ("V10", "V27", "V28")),
    ("Context and memory", "swap-space", "--swap-space", ("V01", "V44")),
    ("GPUs and parallelism", "tensor-parallel-size", "--tensor-parallel-size", ("V25", "V26", "O03", "O08")),
    ("GPUs and parallelism", "executor backend", "--distributed-executor-backend", ("V39",)),
    ("GPUs and parallelism", "devices", "", ("O10", "O14")),
    ("Number formats", "quantization", "--quantization", ("V18", "V19", "V20", "V21", "V24", "V52")),
    ("Number formats", "kv-cache-dtype", "--kv-cache-dtype", ("V06", "V22", "V23", "V67")),
    ("Number formats", "dtype", "--dtype", ("V35", "V47", "V53")),
    ("Parsers and tools", "auto-tool-choice", "--enable-auto-tool-choice", ("V49",)),
    ("Parsers and tools", "tool-call-parser", "--tool-call-parser", ("V31", "V32")),
    ("Parsers and tools", "reasoning-parser", "--reasoning-parser", ("V33", "V34", "V50")),
    ("Infrastructure", "health check", "", ("O05",)),
    ("Infrastructure", "port", "--port", ("O04", "V42")),
)


def validate_services(
    services: Sequence[Service], text: str = "", *, host: Host | None = None, version: str | None = None,
    served: ModelSpec | None = None,
) -> list[Validation]:  # fmt: skip
    """Every vLLM server among them, parameter by parameter; the arguments are `lint_services`' own.

    Raises as `lint_services`, and UsageError when there is none.
    """
    report = lint_services(services, text, host=host, version=version, served=served)
    cases = [case_of(each, services, host, version, served=served) for each in services if is_vllm(each)]
    if not cases:
        raise UsageError("there is no vLLM server in it", hint="cloudgpu lint shows what it starts")
    return [_validation(case, report) for case in cases]


def _validation(case: Case, report: Report) -> Validation:
    left = [each for each in report.findings if each.service == case.service.name]
    judgements = []
    for category, parameter, flag, rules in _PARAMETERS:
        mine = [each for each in left if _speaks_of(each, case, flag, rules)]
        left = [each for each in left if each not in mine]
        judgements.append(_judgement(case, category, parameter, flag, rules, mine))
    return Validation(
        service=case.service.name, model=case.model_name or (case.served.model_id if case.served else None),
        version=case.version, judgements=tuple(judgements), others=tuple(left),
    )  # fmt: skip


def _is_good(judgement: Judgement) -> bool:
    return judgement.verdict not in (Verdict.FAILS, Verdict.WEAK, Verdict.OPEN)


def _speaks_of(finding: Finding, case: Case, flag: str, rules: tuple[str, ...]) -> bool:
    names = (flag, "--rope-scaling") if flag == "--hf-overrides" else (flag,)
    here = any(case.args.get(name) and finding.at == case.at(name) for name in names if name)
    if finding.rule in _ANYWHERE:
        return here
    return finding.rule in rules


def _judgement(
    case: Case, category: str, parameter: str, flag: str, rules: tuple[str, ...], mine: list[Finding]
) -> Judgement:
    value = _VALUES[parameter](case) if parameter in _VALUES else _written(case, flag)
    worst = mine[0] if mine else None  # findings come worst first
    verdict = _VERDICTS[worst.severity] if worst else _without_findings(value)
    return Judgement(
        category=category, parameter=parameter, value=value, verdict=verdict,
        rules=tuple(dict.fromkeys(each.rule for each in mine)) or rules, figure=figure_of(parameter, case),
        message=worst.message if worst else None, fix=worst.fix if worst else None,
    )  # fmt: skip


def _without_findings(value: str | None) -> Verdict:
    if value is None:
        return Verdict.NOT_SET
    return Verdict.OPEN if UNKNOWN in value else Verdict.GOOD


def _written(case: Case, flag: str) -> str | None:
    found = case.args.get(flag)
    return (" ".join(found.values) or "on") if found else None


def _rope(case: Case) -> str | None:
    rope = case.rope_override
    return f"{rope.get('rope_type', rope.get('type', 'RoPE'))} x{rope.get('factor', '?')}" if rope else None


def _devices(case: Case) -> str | None:
    devices = case.service.devices
    return ", ".join(devices) if devices else (f"{case.service.gpu_count}" if case.service.gpu_count else None)


def _health(case: Case) -> str | None:
    health = case.service.health
    return f"start_period {health.start_period_s or 0:g} s" if health else None


_VERDICTS = {Severity.ERROR: Verdict.FAILS, Severity.WARNING: Verdict.WEAK, Severity.NOTE: Verdict.NOTE}
_VALUES: Mapping[str, Callable[[Case], str | None]] = {
    "RoPE override": _rope, "devices": _devices, "health check": _health,
}  # fmt: skip
