"""What Compose and the container runtime make of the file: O13 to O15, O17."""

import difflib
from collections.abc import Iterator

from cloudgpu.serving.lint.case import Case
from cloudgpu.serving.lint.finding import Edit, Hit, Severity
from cloudgpu.serving.lint.rule import rule

_KEYS = frozenset({
    "annotations", "attach", "blkio_config", "build", "cap_add", "cap_drop", "cgroup", "cgroup_parent",
    "command", "configs", "container_name", "cpu_count", "cpu_percent", "cpu_period", "cpu_quota",
    "cpu_rt_period", "cpu_rt_runtime", "cpu_shares", "cpus", "cpuset", "credential_spec", "depends_on",
    "deploy", "develop", "device_cgroup_rules", "devices", "dns", "dns_opt", "dns_search", "domainname",
    "entrypoint", "env_file", "environment", "expose", "extends", "external_links", "extra_hosts", "gpus",
    "group_add", "healthcheck", "hostname", "image", "init", "ipc", "isolation", "label_file", "labels",
    "links", "logging", "mac_address", "mem_limit", "mem_reservation", "mem_swappiness", "memswap_limit",
    "models", "network_mode", "networks", "oom_kill_disable", "oom_score_adj", "pid", "pids_limit", "platform",
    "ports", "post_start", "pre_stop", "privileged", "profiles", "provider", "pull_policy",
    "pull_refresh_after", "read_only", "restart", "runtime", "scale", "secrets", "security_opt", "shm_size",
    "stdin_open", "stop_grace_period", "stop_signal", "storage_opt", "sysctls", "tmpfs", "tty", "ulimits",
    "use_api_socket", "user", "userns_mode", "uts", "volumes", "volumes_from", "working_dir",
})  # fmt: skip


@rule("O13", Severity.ERROR, "misspelt key of the service", source="Compose specification")
def misspelt_key(case: Case) -> Iterator[Hit]:
    """Compose refuses keys that it does not know; `x-` is free."""
    for key in case.service.places:
        if "." in key:  # a variable
            continue
        near = difflib.get_close_matches(key, _KEYS, 1, 0.8) if key and key not in _KEYS else []
        if near and not key.startswith("x-"):
            yield Hit(message=f"Compose knows no `{key}` and refuses the file", fix=f"did you mean {near[0]}?",
                      at=case.service.at(key), edits=(Edit(flag=key, rename=near[0], key=True),))  # fmt: skip


@rule("O14", Severity.ERROR, "card that is not visible inside the container", source="NVIDIA container toolkit")
def invisible_card(case: Case) -> Iterator[Hit]:
    """A container counts the cards it was given from 0: device_ids ['1'] with CUDA_VISIBLE_DEVICES=1 leaves none."""
    asked, given = case.service.environment.get("CUDA_VISIBLE_DEVICES", ""), case.service.reserved_gpus
    ids = [each.strip() for each in asked.split(",")]
    if not given or not all(each.isdigit() for each in ids):
        return
    beyond = [each for each in ids if int(each) >= given]
    if beyond:
        yield Hit(
            message=f"the container is given {given} GPU{'s' * (given != 1)}, which it counts from 0: "
            f"CUDA_VISIBLE_DEVICES={asked} asks for one that does not exist in it",
            fix="drop CUDA_VISIBLE_DEVICES: the reservation chooses the cards", at=case.service.at("environment"),
        )  # fmt: skip


@rule("O15", Severity.ERROR, "item of a command that is no text", source="Compose specification")
def number_in_command(case: Case) -> Iterator[Hit]:
    """`[--port, 8000]`: YAML reads a number, and Compose takes texts only."""
    if case.service.untexted:
        listed = ", ".join(word.text for word in case.service.untexted)
        yield Hit(
            message=f"the command's list holds what YAML reads as a number or a truth ({listed}): Compose wants texts",
            fix="put them in quotes", at=case.service.untexted[0].at, edits=(Edit(flag="#"),),
        )  # fmt: skip


@rule("O17", Severity.WARNING, "env_file that is not there", source="Compose specification")
def missing_env_file(case: Case) -> Iterator[Hit]:
    """Compose starts nothing without it, unless it is said to be optional. Secrets are rightly kept out of a checkout:
    where it is started it may be there.
    """
    for each in case.service.missing_env_files:
        yield Hit(
            message=f"there is no file {each} beside it, and Compose refuses to start without",
            fix="make it, or write `required: false` beside its `path:`", at=case.service.at("env_file"),
        )  # fmt: skip
