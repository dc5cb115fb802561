"""What to do about a deployment whose `up`, or `migrate`, was cut short: it bills, and nothing waits for it."""

from cloudgpu.cli.migrate.side import side_words
from cloudgpu.cli.session import Session
from cloudgpu.running.deployment import Deployment


def left_behind(session: Session, deployment: Deployment) -> str:
    """That it bills and nobody waits for it, with what goes on with it and what removes it. Calls no network."""
    again = f"cloudgpu up {deployment.model} --name {deployment.name} --provider {deployment.provider}"
    ways = side_words(session, deployment) or f"{again} goes on with it, {what_removes(session, deployment)}"
    return (
        f"{deployment.name} (instance {deployment.instance_id}) is {deployment.state.value}, no command waits for it, "
        f"and it bills: {ways}"
    )


def what_removes(session: Session, deployment: Deployment) -> str:
    """The command that removes it, or, of a side of an open migration, that one's own ways."""
    return side_words(session, deployment) or f"cloudgpu down {deployment.name} removes it"
