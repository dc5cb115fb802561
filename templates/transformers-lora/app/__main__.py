"""`python -m app`: read the environment, listen, load meanwhile."""

import sys

from app.settings import SettingsError, read_settings


def main() -> None:
    """Serve until the process is stopped; exit status 1 when the environment is wrong."""
    try:
        settings = read_settings()
    except SettingsError as error:
        sys.exit(f"error: {error}")
    # Loaded only now: a wrong environment is told at once, not after the seconds that torch takes.
    import uvicorn

    from app.server import make_app

    uvicorn.run(make_app(settings), host=settings.host, port=settings.port, log_level="warning")


main()
