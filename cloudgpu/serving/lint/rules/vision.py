"""Models that see, and adapters: V36, V37, V40, S07."""

from collections.abc import Iterator

from cloudgpu.serving.lint.case import Case
from cloudgpu.serving.lint.finding import Edit, Hit, Severity
from cloudgpu.serving.lint.rule import rule


@rule("V36", Severity.WARNING, "encoder peak that nobody counts", versions=">= 0.10.1", source="vLLM's option text")
def unprofiled_vision(case: Case) -> Iterator[Hit]:
    """The KV cache takes the room that images will need."""
    if case.args.has("--skip-mm-profiling"):
        yield Hit(
            message="--skip-mm-profiling saves no memory: it stops counting the encoder, and images can run out later",
            fix="drop it", at=case.at("--skip-mm-profiling"), edits=(Edit(flag="--skip-mm-profiling"),),
        )  # fmt: skip


@rule("V37", Severity.WARNING, "multimodal model without a limit of images", source="vLLM source: 999 a prompt")
def no_image_limit(case: Case) -> Iterator[Hit]:
    """The profiled peak counts one of each kind at its largest; video is the largest of all."""
    sees = case.model is not None and case.model.architecture.has_vision
    if sees and not case.args.get("--limit-mm-per-prompt") and not case.args.has("--language-model-only"):
        yield Hit(
            message=f"{case.model_name} takes 999 images and videos a prompt unless a limit is set",
            fix="""add --limit-mm-per-prompt '{"image": 2, "video": 0}'""", at=case.service.at("command"),
        )  # fmt: skip


@rule("V40", Severity.WARNING, "adapters without --enable-lora", source="vLLM source")
def lora_not_enabled(case: Case) -> Iterator[Hit]:
    """Modules that are named are loaded only with the switch; an adapter's rank must not exceed --max-lora-rank."""
    if case.args.get("--lora-modules") and not case.args.has("--enable-lora"):
        yield Hit(
            message="--lora-modules without --enable-lora: the adapters are not served", fix="add --enable-lora",
            at=case.at("--lora-modules"), edits=(Edit(flag="--enable-lora", bare=True),),
        )  # fmt: skip


@rule(
    "S07",
    Severity.WARNING,
    "vision server that fetches any address",
    versions=">= 0.11",
    source="vLLM documentation, security",
)
def open_media(case: Case) -> Iterator[Hit]:
    """An image URL is fetched by the server: metadata services of the cloud are within its reach."""
    sees = case.model is not None and case.model.architecture.has_vision
    if sees and case.service.published and case.release >= (0, 11) and not case.args.get("--allowed-media-domains"):
        yield Hit(
            message="image URLs of clients are fetched from anywhere the server can reach (SSRF)",
            fix="add --allowed-media-domains with the hosts you trust", at=case.service.at("command"),
        )  # fmt: skip
