"""The image and what it needs of the host: O01, O07, O16."""

from collections.abc import Iterator

from cloudgpu.serving.lint.case import Case
from cloudgpu.serving.lint.finding import Hit, Severity
from cloudgpu.serving.lint.releases.flag_table import NEWEST, release_of
from cloudgpu.serving.lint.rule import rule


@rule("O01", Severity.WARNING, "image that changes under your feet", source="five published profiles")
def unpinned_image(case: Case) -> Iterator[Hit]:
    """`latest`, no tag, or a tag that is no release: what starts today may not start tomorrow."""
    if case.service.image and not case.is_pinned:
        yield Hit(
            message=f"the image {case.service.image} names no release: what starts today may not start tomorrow",
            fix=f"pin it, for example vllm/vllm-openai:v{case.version}", at=case.service.at("image"),
        )  # fmt: skip


@rule("O16", Severity.NOTE, "release that is newer than what is known",
      source="argument parsers of vLLM 0.6.6 to 0.33.0")  # fmt: skip
def unknown_release(case: Case) -> Iterator[Hit]:
    """What came after the newest sample cannot be judged."""
    if case.release > release_of(NEWEST):
        yield Hit(
            message=f"vLLM {case.version} is newer than {NEWEST}, the newest that is known here: what changed since is "
            "not judged",
            at=case.service.at("image"),
        )  # fmt: skip


@rule("O07", Severity.NOTE, "driver that the image needs", versions=">= 0.14.1", source="vllm wheels: libcudart.so.13")
def driver(case: Case) -> Iterator[Hit]:
    """CUDA 13 from 0.20 on, 12.9 from 0.14.1: an error only where the host's driver is named and too old.

    What is rented is chosen by its driver already.
    """
    needed, cuda = (580, "13") if case.release >= (0, 20) else (575, "12.9")
    given = case.host.driver if case.host else None
    if case.release < (0, 14, 1) or not case.service.is_container or not case.is_known:
        return
    if given is None and case.release >= (0, 20) and not case.service.is_rented:
        yield Hit(message=f"vLLM {case.version} is built on CUDA 13: the host needs driver 580 or newer",
                  at=case.service.at("image"))  # fmt: skip
    elif given is not None and given < needed:
        yield Hit(
            message=f"vLLM {case.version} is built on CUDA {cuda}: driver {given} is older than {needed}",
            fix="choose a host with a newer driver, or an older release", at=case.service.at("image"),
            severity=Severity.ERROR if case.release >= (0, 20) else Severity.WARNING,
        )  # fmt: skip
