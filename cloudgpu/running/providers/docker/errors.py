"""What goes wrong with a Docker daemon, in our words. Its messages are prose; the few that matter are told apart here.

The texts are those of Docker 20 to 29; an answer that fits none of them keeps its own words.
"""

import re

from cloudgpu.base.errors import (
    BadAnswerError,
    CloudgpuError,
    CreateRefusedError,
    InvalidRequestError,
    NotAuthorisedError,
    ProviderError,
    UnreachableError,
    UsageError,
)
from cloudgpu.base.extra import need
from cloudgpu.running.providers.words import words

_TOOLKIT = (
    "install the NVIDIA Container Toolkit on that machine, then restart Docker: "
    "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html"
)
_REMEDIES = tuple(
    (re.compile(text, re.I), what, hint)
    for text, what, hint in (
        (
            r"could not select device driver|unknown or invalid runtime|nvidia-container-cli|cdi device injection"
            r"|nvidia-container-runtime",
            "cannot hand GPUs to containers", _TOOLKIT,
        ),
        (
            r"port is already allocated|address already in use", "finds the port taken",
            "see what has it: docker ps; then try again",
        ),
        (
            r"no space left on device", "has no disk left",
            "see what takes it: docker system df; docker system prune gives some back",
        ),
        (
            r"manifest unknown|manifest for .* not found|no such image|pull access denied|repository does not exist"
            r"|requested access to the resource is denied|invalid reference format",
            "cannot get the image", "check the template's image and, for a private one: docker login",
        ),
        (
            r"toomanyrequests|pull rate limit", "may pull no more for now",
            "docker login raises the registry's limit; or try again later",
        ),
    )
)  # fmt: skip


class NoContainerError(ProviderError):
    """The daemon clearly says that it has no container of that id or name."""


class AlreadyThereError(ProviderError):
    """A container of that name exists: for a name that is used once, the proof that the create happened."""


class RefusedByDaemonError(ProviderError):
    """The daemon answered, and the answer is no."""


def explain(error: Exception, place: str) -> CloudgpuError:
    """The error that a failure of the SDK means. `place` is the daemon's address."""
    if isinstance(error, CloudgpuError):
        return error
    sdk, requests = need("docker", "docker").errors, need("requests", "docker").exceptions
    if isinstance(error, sdk.APIError):
        return _answered(error, place)
    if isinstance(error, sdk.DockerException) and isinstance(error.__cause__, (requests.RequestException, OSError)):
        return explain(error.__cause__, place)  # the SDK wraps what went wrong while it connects
    if isinstance(error, requests.Timeout):
        return UnreachableError(f"the Docker daemon at {place} did not answer in time", hint=_IS_IT_UP)
    if isinstance(error, (sdk.TLSParameterError, sdk.InvalidVersion)):
        return UsageError(f"the Docker daemon at {place} cannot be asked: {_told(error)}", hint="check DOCKER_HOST")
    if isinstance(error, (ValueError, KeyError, TypeError)):
        return BadAnswerError(f"the Docker daemon at {place} says something that cannot be read", hint=_IS_IT_UP)
    if "permission denied" in repr(error).lower():
        return NotAuthorisedError(
            f"this user may not speak to the Docker daemon at {place}",
            hint="add the user to the group docker, or lead DOCKER_HOST to a daemon of yours",
        )
    if isinstance(error, (requests.RequestException, OSError)):
        return UnreachableError(f"no Docker daemon answers at {place}", hint=_IS_IT_UP)
    return BadAnswerError(f"the Docker daemon at {place} cannot be asked: {_told(error)}", hint=_IS_IT_UP)


def refused(error: CloudgpuError, doing: str, instance_id: str | None = None) -> CreateRefusedError:
    """A clear no to a create or a start, with its remedy where one is known. `doing` ends "Docker cannot"."""
    what, hint = remedy_of(error.message)
    said = f"Docker {what}: {error.message}" if what else f"Docker cannot {doing}: {error.message}"
    return CreateRefusedError(said, hint=hint or error.hint, instance_id=instance_id)


def no_image(image: str, said: str) -> InvalidRequestError:
    """Why an image cannot be pulled, with its remedy where one is known. Nothing was created."""
    what, hint = remedy_of(said)
    return InvalidRequestError(
        f"Docker {what or 'cannot get the image'}: {image}: {words(said, 300)}",
        hint=hint or "check the network of that machine, and the template's image",
    )


def remedy_of(said: str) -> tuple[str | None, str | None]:
    """What a message of the daemon's means and what to do; None twice for one that we do not know."""
    return next(((what, hint) for text, what, hint in _REMEDIES if text.search(said)), (None, None))


_IS_IT_UP = "see whether it runs: docker info; DOCKER_HOST leads elsewhere"


def _answered(error: Exception, place: str) -> CloudgpuError:
    status = getattr(error, "status_code", None) or 0
    said = words(str(getattr(error, "explanation", None) or error), 300)
    if status == 404 and "no such container" in said.lower():
        return NoContainerError(f"the Docker daemon at {place} has no such container")
    if status == 409 and "already in use" in said.lower():
        return AlreadyThereError(said)
    if status in (401, 403):
        return NotAuthorisedError(f"the Docker daemon at {place} refuses: {said}", hint="check DOCKER_CERT_PATH")
    return RefusedByDaemonError(said or f"the answer was {status}")


def _told(error: Exception) -> str:
    return words(str(error), 200) or type(error).__name__
