"""`cloudgpu lint`: will this profile start, and is it open to the world?"""

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cloudgpu.cli.serving_options import ServedModel, Settings

if TYPE_CHECKING:
    from cloudgpu.base.errors import CloudgpuError
    from cloudgpu.cli.serving_targets import Target, Wish
    from cloudgpu.serving.lint.case import Host
    from cloudgpu.serving.lint.check import Report
    from cloudgpu.serving.lint.fixing.fix import Correction
    from cloudgpu.serving.lint.hub_facts import HubFacts


class Form(StrEnum):
    """How the findings are told."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("lint")(lint_files)


def lint_files(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE|NAME|-...",
            help="Compose files, shell files with `vllm serve`, templates, folders of templates, deployments, models "
            "as `up` would start them; - reads a command line or a file.",
        ),
    ] = None,
    gpus: Annotated[str | None, typer.Option(metavar='"2x RTX 4090"', help="The cards it will run on.")] = None,
    ram: Annotated[float | None, typer.Option(min=1, metavar="GIB", help="The host's memory.")] = None,
    disk: Annotated[float | None, typer.Option(min=1, metavar="GB", help="The host's disk.")] = None,
    driver: Annotated[int | None, typer.Option(min=100, metavar="580", help="The host's driver.")] = None,
    engine_version: Annotated[
        str | None, typer.Option(metavar="X.Y.Z", help="The release, where the file names none. Default: the newest.")
    ] = None,
    model: ServedModel = None,
    set_: Settings = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="Write the corrected compose file, and show the difference.")
    ] = False,
    form: Annotated[Form, typer.Option("--format", "-f", help="How findings are told.")] = Form.TEXT,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Ask the Hugging Face Hub about the models and adapters that are named.")
    ] = False,
    rules: Annotated[bool, typer.Option("--rules", help="List all rules instead.")] = False,
) -> None:
    """Check serving profiles: flags by release, memory by the estimator, keys, ports, and what the file forgets.

    An error will not start, or is open to the world. Exit status 1 when there is one.
    """
    # everything below is imported only when the command runs: `--help` stays fast
    from cloudgpu.base.errors import UsageError
    from cloudgpu.cli.lint.view import show_reports, show_rules
    from cloudgpu.cli.serving_targets import Wish
    from cloudgpu.cli.template_choice import variables_in
    from cloudgpu.serving.lint.check import lint_services

    if rules:
        return show_rules(as_json=as_json or form is Form.JSON)
    if not files:
        raise UsageError("which file?", hint="cloudgpu lint docker-compose.yml")
    host = host_of(gpus, ram, disk, driver)
    if fix:
        _fix(files, host, engine_version)
    wish = Wish(host=host, version=engine_version, model=model, settings=variables_in(set_ or ()), asks_hub=live)
    targets, unreadable = _readable(files, wish)
    repositories = _asked(targets, engine_version) if live else {}
    reports = {
        each.name: lint_services(
            each.services, each.text, host=each.host, version=engine_version,
            beside=[service for other in targets if other is not each for service in other.services],
            repositories=repositories, served=each.served,
        )
        for each in targets
    }  # fmt: skip
    show_reports(reports, Form.JSON if as_json else form)
    if unreadable:
        raise unreadable[0]
    return _end(reports)


def _readable(files: list[str], wish: "Wish") -> "tuple[list[Target], list[CloudgpuError]]":
    """What can be judged of what was named, and why the rest cannot; of several such the first is the caller's to tell.

    Raises the error of the only one that was named.
    """
    from cloudgpu.base.errors import CloudgpuError
    from cloudgpu.cli import render
    from cloudgpu.cli.serving_targets import targets_of

    found: list[Target] = []
    errors: list[CloudgpuError] = []
    for word in files:
        try:
            found += targets_of([word], wish)
        except CloudgpuError as error:
            errors.append(error)
    for each in errors[1:]:
        render.progress(f"{each.message}.")
    if errors and not found:
        raise errors[0]
    return found, errors


def _asked(targets: "list[Target]", version: str | None) -> "dict[str, HubFacts]":
    from cloudgpu.cli.lint.hub import ask_hub
    from cloudgpu.serving.lint.check import case_of, is_vllm

    return ask_hub(
        case_of(service, each.services, each.host, version)
        for each in targets
        for service in each.services
        if is_vllm(service)
    )


def _fix(files: list[str], host: "Host | None", version: str | None) -> None:
    """Correct every compose file; refuses first, before any is written, what cannot be corrected."""
    from cloudgpu.base.errors import UsageError
    from cloudgpu.cli.lint.view import show_correction
    from cloudgpu.cli.named_file import text_of
    from cloudgpu.cli.serving_targets import STDIN

    if STDIN in files:
        raise UsageError("--fix has no file to write what is piped in to", hint="save it, and name the file")
    paths = [Path(each).expanduser() for each in files]
    for path in paths:
        if not path.is_file():
            text_of(path)
            raise UsageError(f"{path} cannot be corrected", hint="--fix writes compose files")
    for path in paths:
        before, correction = _fixed(path, host, version)
        show_correction(path, before, correction)


def _fixed(path: Path, host: "Host | None", version: str | None) -> "tuple[str, Correction]":
    """The text before, and its correction; the file is written only when something changed."""
    from cloudgpu.cli.named_file import exact_text_of, variables_of
    from cloudgpu.cli.out_file import write
    from cloudgpu.serving.lint.fixing.fix import Correction, fixed
    from cloudgpu.serving.lint.template_service import is_template

    before = exact_text_of(path)
    if path.suffix not in (".yml", ".yaml") or is_template(before):
        return before, Correction(text=before)
    after = fixed(before, path.name, variables=variables_of(path), host=host, version=version, folder=path.parent)
    if after.text != before:
        write(after.text, path)
    return before, after


def host_of(
    gpus: str | None, ram_gib: float | None = None, disk_gb: float | None = None, driver: int | None = None
) -> "Host | None":
    """The machine that was typed; None when its cards were not. Raises UsageError for what names no cards."""
    from cloudgpu.base.errors import UsageError
    from cloudgpu.serving.lint.case import Host
    from cloudgpu.sizing.gpus import find_gpu

    if gpus is None:
        if ram_gib or disk_gb or driver:
            raise UsageError("a host without cards", hint='name them too: --gpus "1x RTX 4090"')
        return None
    count, name = _counted(gpus)
    return Host(gpu=find_gpu(name), count=count, ram_gib=ram_gib, disk_gb=disk_gb, driver=driver)


def _counted(gpus: str) -> tuple[int, str]:
    """`2x RTX 4090` and `2xRTX4090` as (2, RTX 4090); one of what has no number. Raises UsageError for no card."""
    from cloudgpu.base.errors import UsageError

    found = re.fullmatch(r"\s*(.*?)\s*x\s+(.+)|\s*(\d+)x(.+)", gpus)
    if not found:
        return 1, gpus
    count, name = (found[1], found[2]) if found[2] else (found[3], found[4])
    if not (count.isdecimal() and int(count)):
        raise UsageError(f"{gpus!r} names no cards", hint='write them like "2x RTX 4090"')
    return int(count), name


def _end(reports: "dict[str, Report]") -> None:
    if any(report.errors for report in reports.values()):
        raise typer.Exit(1)
