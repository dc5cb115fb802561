"""How the container is run: O02, O04, O05, O12."""

import re
from collections.abc import Iterator

from cloudgpu.serving.lint.case import Case
from cloudgpu.serving.lint.finding import Hit, Severity
from cloudgpu.serving.lint.reading.variables import UNKNOWN
from cloudgpu.serving.lint.rule import rule

_CACHES = (".cache/huggingface", "/hf", "hf_home", "/models", "/root/.cache", "huggingface")
_URL_PORT = re.compile(r"https?://[\w.\-\[\]]+:(\d+)")
_SHORTEST_START_S = 300
_LAST_PORT = 65535


@rule("O02", Severity.WARNING, "no volume for the downloads", source="cold starts of users")
def no_cache_volume(case: Case) -> Iterator[Hit]:
    """Every re-creation downloads the weights and compiles again."""
    name = case.model_name or ""
    service = case.service
    if (
        service.is_container
        and not service.is_rented
        and "/" in name
        and not name.startswith(("/", "."))
        and not _has_cache(case)
    ):
        yield Hit(message="no volume keeps the Hugging Face cache: every re-creation downloads the weights again",
                  fix="mount one at /root/.cache/huggingface", at=service.at("volumes"))  # fmt: skip


@rule("O04", Severity.ERROR, "ports that disagree, or that no machine has", source="users' profiles")
def ports_disagree(case: Case) -> Iterator[Hit]:
    """The engine's --port, the container's side of `ports:` and the health check must be one."""
    port, service = case.args.value("--port") or "8000", case.service
    if not case.args.get("--port") and _may_be_told_elsewhere(case):
        return
    targets = [container for _, container in service.ports if container.isdigit() and not service.host_network]
    if not port.isdigit() or UNKNOWN in port:
        return
    if int(port) > _LAST_PORT:
        yield Hit(message=f"--port {port}: ports end at {_LAST_PORT}", fix="write --port 8000", at=case.at("--port"))
        return
    if targets and port not in targets and service.is_container:
        yield Hit(message=f"the server listens on {port}, and `ports:` publishes {', '.join(targets)}",
                  fix=f"publish {port}, or set --port", at=service.at("ports"))  # fmt: skip
    probed = _URL_PORT.search(service.health.command) if service.health else None
    if service.health and probed and probed[1] != port:
        yield Hit(message=f"the health check asks port {probed[1]}, and the server listens on {port}",
                  fix=f"ask port {port}", at=service.health.at)  # fmt: skip


def _may_be_told_elsewhere(case: Case) -> bool:
    """Whether what nobody can see, a file or an image of one's own, may name another port than the default."""
    own = case.service.image is not None and not case.is_official and case.args.subcommand is None
    return own or case.args.has_unseen


@rule("O05", Severity.WARNING, "health check that gives up before the engine is up", source="start times of users")
def short_start_period(case: Case) -> Iterator[Hit]:
    """Download, load, compile and warm-up take minutes: start period and retries together must outlast them."""
    health = case.service.health
    needed = cold_start_s(case)
    if health and health.patience_s < needed:
        yield Hit(message=f"the check gives up after {health.patience_s:g} s: a cold start takes about {needed:g} s",
                  fix=f"start_period: {needed:g}s", at=health.at)  # fmt: skip


@rule("O12", Severity.WARNING, "restart without an end", source="paid crash loops of users")
def restart_loop(case: Case) -> Iterator[Hit]:
    """An engine that cannot start is started again for ever, and the machine bills."""
    if case.service.restart == "always":
        yield Hit(message="`restart: always` turns a start that fails into an endless loop",
                  fix="use on-failure:3 or unless-stopped", at=case.service.at("restart"))  # fmt: skip


def cold_start_s(case: Case) -> int:
    """Cold: files at half a gigabit, then load, compile and warm-up; rounded up to a minute. 300 without a model."""
    if case.model is None:
        return _SHORTEST_START_S
    download_s = case.model.checkpoint(None).download_gb * 8 / 0.5
    return max(_SHORTEST_START_S, int((download_s + 240) // 60 + 1) * 60)


def _has_cache(case: Case) -> bool:
    listed = [*case.service.volumes, *case.service.environment.get("HF_HOME", "").split()]
    return any(mark in each.lower() for each in listed for mark in _CACHES)
