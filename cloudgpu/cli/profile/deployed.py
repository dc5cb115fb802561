"""What a deployment runs, as it was written down before it was rented."""

from typing import TYPE_CHECKING

from cloudgpu.base.errors import NotFoundError
from cloudgpu.cli.profile.files import launched
from cloudgpu.cli.session import open_session

if TYPE_CHECKING:
    from cloudgpu.running.records import Deployment
    from cloudgpu.serving.profile import Profile


def deployed(name: str) -> "tuple[Deployment, Profile] | None":
    """The deployment of that name with its profile; None when there is none. Opens the journal.

    Raises NotFoundError for one whose start is not written down on this machine.
    """
    session = open_session(vouches=False)
    found = session.store.deployment(name)
    if found is None:
        return None
    profile = launched(session.settings.state_dir, found.launch_digest)
    if profile is None:
        raise NotFoundError(f"what {name} was started with is not written down here", hint="was it rented elsewhere?")
    return found, profile
