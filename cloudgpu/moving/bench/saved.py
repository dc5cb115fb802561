"""A run kept in a file: every sample, so that it can be compared with another one later."""

import json
from pathlib import Path

from cloudgpu.base.errors import BadFileError
from cloudgpu.base.whole_file import write_whole
from cloudgpu.moving.bench.run import Run

_KIND = "cloudgpu bench"
_VERSION = 1


def save_run(run: Run, path: Path) -> None:
    """Write the run as JSON, whole or not at all. Raises BadFileError when it cannot be written."""
    document = {"kind": _KIND, "version": _VERSION, "run": run.as_body()}
    try:
        write_whole(path, json.dumps(document, ensure_ascii=False) + "\n")
    except OSError as error:
        why = error.strerror or error
        raise BadFileError(f"{path} cannot be written: {why}", hint="name another file with --save") from error


def read_run(path: Path) -> Run:
    """What `save_run` wrote. Raises BadFileError for anything else."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["kind"] != _KIND or document["version"] != _VERSION:
            raise ValueError
        return Run.from_body(document["run"])
    except OSError as error:
        raise BadFileError(f"{path} cannot be read: {error.strerror}", hint="name a file made with --save") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadFileError(f"{path} holds no bench run", hint="make one: cloudgpu bench NAME --save FILE") from error
