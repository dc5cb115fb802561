"""A machine that failed while something was brought up on it is left alone for a while: no plan takes it."""

from cloudgpu.cli.session import Session
from cloudgpu.planning.blocklist import block
from cloudgpu.running.deployment import Progress


def leave_alone(session: Session, provider: str, told: Progress) -> None:
    """Keep the machine that this progress blames, if any. `cloudgpu offers blocked` shows them; each ends by itself."""
    if told.bad_machine is not None:
        block(session.settings.state_dir, provider, told.bad_machine, told.detail, session.clock(provider).now())
