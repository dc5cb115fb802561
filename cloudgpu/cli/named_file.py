"""A file that somebody named: its text, and the variables beside it."""

from pathlib import Path

from cloudgpu.base.errors import BadFileError
from cloudgpu.serving.lint.reading.variables import env_file


def text_of(path: Path) -> str:
    """The whole file, its lines ended by a line feed. Raises BadFileError when it cannot be read."""
    return exact_text_of(path).replace("\r\n", "\n").replace("\r", "\n")


def exact_text_of(path: Path) -> str:
    """The whole file with its line ends as they are. Raises BadFileError when it cannot be read."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise BadFileError(f"there is no file {path}", hint="cloudgpu lint docker-compose.yml") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadFileError(f"{path} cannot be read: {error}", hint="is it a text file?") from None


def variables_of(path: Path) -> dict[str, str]:
    """What a `.env` beside the file sets, as Docker Compose reads it; the shell's own variables are not taken."""
    beside = path.parent / ".env"
    return env_file(text_of(beside)) if beside.is_file() else {}
