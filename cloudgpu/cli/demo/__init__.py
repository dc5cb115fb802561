"""`cloudgpu demo`: the whole journey on the emulator."""

from typing import Annotated

import typer

SPEED = 120.0


def register(app: typer.Typer) -> None:
    """Add `demo`."""
    app.command()(demo)


def demo(
    migrate: Annotated[
        bool, typer.Option("--migrate", help="A canary behind a gateway, a fault, a rollback, a second try.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the demo's folder to look around in it.")] = False,
    speed: Annotated[float, typer.Option(help="How many times faster than real the emulator's clock runs.")] = SPEED,
) -> None:
    """Plan, rent, migrate, roll back, finalize and account: all of it on the emulator, in about a minute.

    Spends nothing, needs no key and no network, and touches none of your own deployments.
    """
    from cloudgpu.cli.demo import migration
    from cloudgpu.cli.demo import run as tour

    (migration if migrate else tour).run(keep=keep, speed=speed)
