"""Where clients find a service: two small files that change together, in one atomic step.

    <state_dir>/services/<service>/current        a symbolic link, the one thing that is switched
    <state_dir>/services/<service>/versions/<id>/ endpoint.env, endpoint.json (mode 0600, folders 0700)

A client reads `services/<service>/current/endpoint.env` (or the JSON file): it always sees one whole version, or no
file at all once the address is withdrawn.
"""

import contextlib
import json
import os
import secrets
import shlex
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cloudgpu.base.errors import BadFileError, ConflictError
from cloudgpu.base.secret import Secret
from cloudgpu.base.whole_file import to_disk, write_whole
from cloudgpu.serving.launch import HealthCheck

ENV_FILE = "endpoint.env"
JSON_FILE = "endpoint.json"


class Addressable(Protocol):
    """What a deployment must tell to be pointed at. `endpoint` is `http://host:port`, None until it is known."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def endpoint(self) -> str | None:
        """`http://host:port`, None until it is known."""
        ...

    @property
    def health(self) -> HealthCheck:
        """Holds the model id that clients ask for."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """What the files say: the deployment in charge, its OpenAI base URL, the model id to ask for, and the key."""

    service: str
    deployment: str
    base_url: str
    model: str
    api_key: Secret


def address_of(service: str, deployment: Addressable, api_key: Secret) -> Address:
    """The deployment's own address: clients reach it directly. Raises ConflictError when it has no endpoint yet."""
    if deployment.endpoint is None:
        raise ConflictError(
            f"{deployment.name} has no endpoint yet, so {service} cannot point at it", hint="see: cloudgpu status"
        )
    return Address(
        service=service,
        deployment=deployment.name,
        base_url=f"{deployment.endpoint}/v1",
        model=deployment.health.model_id,
        api_key=api_key,
    )


def publish(address: Address, state_dir: Path) -> bool:
    """Make this the address of its service; True when that changed anything.

    One rename does it: readers see the old files or the new ones, never a mixture, and a kill leaves one of the two.
    Raises ConflictError when the folder cannot be written.
    """
    service = address.service
    if _read_if_whole(service, state_dir) == address:
        return False
    try:
        _switch(_home(service, state_dir), address)
    except OSError as error:
        raise ConflictError(
            f"the address of {service} cannot be written to {_home(service, state_dir)}: {error.strerror or error}",
            hint=f"make room or set XDG_STATE_HOME to a folder of yours, then: cloudgpu migrate resume {service}",
        ) from error
    return True


def withdraw(service: str, state_dir: Path) -> bool:
    """Take both files away, in one step; True when there were any. Clients then find no file rather than a wrong one.

    Raises ConflictError when the folder cannot be written.
    """
    home = _home(service, state_dir)
    try:
        (home / "current").unlink()
        to_disk(home)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ConflictError(
            f"the address of {service} in {home} cannot be withdrawn: {error.strerror or error}",
            hint=f"it points to a host that may be somebody else's: remove {home / 'current'} by hand",
        ) from error
    shutil.rmtree(home / "versions", ignore_errors=True)  # the service's key is in them
    return True


def read(service: str, state_dir: Path) -> Address | None:
    """What the service points at; None when it was never published. Raises BadFileError when the file is damaged."""
    path = json_path(service, state_dir)
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        return Address(
            service=body["service"],
            deployment=body["deployment"],
            base_url=body["base_url"],
            model=body["model"],
            api_key=Secret(body["api_key"]),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadFileError(
            f"the address file {path} cannot be read", hint=f"cloudgpu migrate resume {service} writes it again"
        ) from error


def env_path(service: str, state_dir: Path) -> Path:
    """The file for `source` and `--env-file`; its path never changes."""
    return _home(service, state_dir) / "current" / ENV_FILE


def json_path(service: str, state_dir: Path) -> Path:
    """The same as JSON; its path never changes."""
    return _home(service, state_dir) / "current" / JSON_FILE


def _home(service: str, state_dir: Path) -> Path:
    return state_dir / "services" / service


def _read_if_whole(service: str, state_dir: Path) -> Address | None:
    with contextlib.suppress(BadFileError):
        if env_path(service, state_dir).is_file():
            return read(service, state_dir)
    return None


def _switch(home: Path, address: Address) -> None:
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    versions = home / "versions"
    versions.mkdir(exist_ok=True, mode=0o700)
    version = Path(tempfile.mkdtemp(dir=versions))  # mode 0700
    write_whole(version / ENV_FILE, _env_text(address), private=True)
    write_whole(version / JSON_FILE, _json_text(address), private=True)
    link = home / f".current-{secrets.token_hex(4)}"
    link.symlink_to(Path("versions") / version.name)
    os.replace(link, home / "current")
    to_disk(home)
    _drop_others(home, version)


def _drop_others(home: Path, current: Path) -> None:
    """Remove what earlier switches left. The version before stays: a reader may just be in it."""
    others = sorted(
        (path for path in current.parent.iterdir() if path != current), key=lambda path: path.stat().st_mtime
    )
    for path in others[:-1]:
        shutil.rmtree(path, ignore_errors=True)
    for link in home.glob(".current-*"):
        link.unlink(missing_ok=True)


def _env_text(address: Address) -> str:
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in _variables(address).items())


def _variables(address: Address) -> Mapping[str, str]:
    return {
        "OPENAI_BASE_URL": address.base_url,
        "OPENAI_API_KEY": address.api_key.reveal(),
        "OPENAI_MODEL": address.model,
        "CLOUDGPU_DEPLOYMENT": address.deployment,
    }


def _json_text(address: Address) -> str:
    body = {
        "schema_version": 1,
        "service": address.service,
        "deployment": address.deployment,
        "base_url": address.base_url,
        "model": address.model,
        "api_key": address.api_key.reveal(),
    }
    return json.dumps(body, indent=2) + "\n"
