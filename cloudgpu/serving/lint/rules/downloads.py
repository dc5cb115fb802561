"""What has to be fetched and kept: O06, O09, V48."""

from collections.abc import Iterator

from cloudgpu.serving.lint.case import Case
from cloudgpu.serving.lint.finding import Hit, Severity
from cloudgpu.serving.lint.rule import rule

_IMAGE_GB = 25
"""The official image unpacked: its Python environment alone is 9 GB, the CUDA toolkit comes on top."""

_READY_TIMEOUT_S = 600
_GATED = ("meta-llama/", "google/gemma-", "mistralai/mistral-small-", "black-forest-labs/")
_TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH")


@rule("O06", Severity.ERROR, "disk that cannot hold the files", source="vllm wheels: 9 GB of Python environment")
def small_disk(case: Case) -> Iterator[Hit]:
    """Weights and image against the disk that was named by --disk."""
    disk_gb = case.host.disk_gb if case.host else None
    if disk_gb is None or case.model is None:
        return
    files_gb = case.model.checkpoint(None).download_gb * 1.05
    needed_gb = files_gb + (_IMAGE_GB if case.service.is_container else 0)
    if disk_gb < needed_gb:
        yield Hit(
            message=f"{files_gb:.0f} GB of files and {needed_gb - files_gb:.0f} GB of image do not fit {disk_gb:g} GB",
            fix=f"take {needed_gb + 5:.0f} GB", at=case.at("--model"),
            severity=None if disk_gb < files_gb else Severity.WARNING,
        )  # fmt: skip


@rule("O09", Severity.WARNING, "several API processes that wait too shortly for a download", versions=">= 0.14",
      source="vLLM source: VLLM_ENGINE_READY_TIMEOUT_S")  # fmt: skip
def ready_timeout(case: Case) -> Iterator[Hit]:
    """With several API servers or data parallel the start gives up after 600 s, download included."""
    several = max(case.args.count("--api-server-count") or 1, case.args.count("--data-parallel-size") or 1) > 1
    if not several or case.release < (0, 14) or "VLLM_ENGINE_READY_TIMEOUT_S" in case.service.environment:
        return
    download_s = case.model.checkpoint(None).download_gb * 8 / 0.5 if case.model else 0
    if download_s + 120 > _READY_TIMEOUT_S:
        yield Hit(
            message=f"the API servers wait {_READY_TIMEOUT_S} s for the engine; the download alone may take "
            f"{download_s:.0f} s",
            fix=f"set VLLM_ENGINE_READY_TIMEOUT_S={_enough_s(download_s)}", at=case.service.at("environment"),
        )  # fmt: skip


def _enough_s(download_s: float) -> int:
    """The download and as long again as a start may take, in whole half hours."""
    return -(-int(download_s + _READY_TIMEOUT_S) // 1800) * 1800


@rule("V48", Severity.WARNING, "gated model without a token", source="Hugging Face model pages")
def gated_without_token(case: Case) -> Iterator[Hit]:
    """The Hub answers 401 unless the cache holds the files already. By name, unless the Hub was asked."""
    name = (case.model_name or "").lower()
    told = any(each in case.service.environment for each in _TOKENS)
    given = told or case.service.has_env_file or case.args.get("--hf-token")
    facts = case.repositories.get(case.model_name or "")
    if (facts.is_gated if facts else name.startswith(_GATED)) and case.service.is_container and not given:
        yield Hit(
            message=f"{case.model_name} is gated, and no HF_TOKEN reaches the container",
            fix="add HF_TOKEN to the environment, from outside the file", at=case.service.at("environment"),
        )  # fmt: skip
