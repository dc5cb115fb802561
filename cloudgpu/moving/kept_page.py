"""The side-by-side page of a migration's gates, kept for whoever has to decide."""

from pathlib import Path

from cloudgpu.moving.gates.judge import Judgement
from cloudgpu.moving.gates.page.contents import page_of
from cloudgpu.moving.gates.page.html import page_html
from cloudgpu.moving.gateway.route import write_private


def page_path(state_dir: Path, migration_id: str) -> Path:
    """Where it lies, once both sides were measured."""
    return state_dir / "migrations" / f"{migration_id}.html"


def keep_page(state_dir: Path, migration_id: str, judgement: Judgement) -> None:
    """Write it; nothing when only one side was asked. Raises ConflictError when it cannot be written."""
    if judgement.evidence is not None:
        page = page_html(page_of(judgement.evidence, judgement.verdict))
        write_private(page_path(state_dir, migration_id), page)
