"""What may run, written down before it is rented: `profile diff` and `backup` read it, and so does a migration."""

from pathlib import Path

from cloudgpu.cli.profile.files import keep_launches
from cloudgpu.cli.template_choice import words_of
from cloudgpu.running.deployment import UpRequest
from cloudgpu.serving.asked import Asked
from cloudgpu.serving.profile import of_launch


def write_down(state_dir: Path, request: UpRequest, asked: Asked) -> None:
    """Keep every launch of the request, without keys, and what was asked for it. Raises BadFileError."""
    profiles = {
        each.launch_digest: of_launch(request.name, each.launch, each.offer.gpu_count) for each in request.rentals
    }
    keep_launches(state_dir, profiles.items(), words_of(asked))
