"""A private folder for a proxy's sockets, with a path short enough for them (about 100 characters)."""

import hashlib
import os
import stat
from pathlib import Path

from cloudgpu.base.errors import ConflictError

_SHORT = Path("/tmp")
"""Not TMPDIR: processes that must meet there may each have another one."""


def run_dir(folder: Path) -> Path:
    """The folder that belongs to a gateway's own, made at first use; the same for every process of this user.

    Raises ConflictError when somebody else made a folder of that name.
    """
    mine = _SHORT / f"cloudgpu-{os.getuid()}"
    path = mine / hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
    for each in (mine, path):
        each.mkdir(mode=0o700, exist_ok=True)
        found = each.lstat()
        if found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) != 0o700 or not stat.S_ISDIR(found.st_mode):
            raise ConflictError(f"{each} is not a private folder of yours", hint="remove it")
    return path
