"""A template of one's own, begun as a copy of another. Writes one file."""

import re
from pathlib import Path

from cloudgpu.base.errors import BadFileError, ConflictError, UsageError
from cloudgpu.serving.template import Template


def copy_template(template: Template, name: str, folder: Path) -> Path:
    """Write it as `NAME.yaml`, with that name inside; never over another file.

    Raises UsageError for a name that cannot be one, ConflictError when it is taken, BadFileError when the folder cannot
    be written.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,62}", name) or name.startswith("pack-"):
        raise UsageError(f"{name!r} cannot be a template's name", hint="lower case letters, digits, dots and dashes")
    path = folder / f"{name}.yaml"
    text = Path(template.origin).read_text(encoding="utf-8")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(re.sub(r"^name: .*$", f"name: {name}", text, count=1, flags=re.MULTILINE))
    except FileExistsError:
        raise ConflictError(f"there is a template at {path} already", hint="choose another name") from None
    except OSError as error:
        raise BadFileError(f"{path} cannot be written: {error.strerror}", hint="check the folder") from None
    return path
