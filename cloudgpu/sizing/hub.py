"""Checkpoints of the Hugging Face Hub, read through `huggingface_hub` by range requests: headers, never whole files.

The only importer of `huggingface_hub`, which is loaded when the Hub is asked and not before. Honours HF_ENDPOINT,
HF_TOKEN and the token that `hf auth login` keeps, HF_HUB_OFFLINE (then the Hub's own cache on this machine is read).
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from cloudgpu.base.clock import Clock, SystemClock
from cloudgpu.base.errors import (
    BadAnswerError,
    CloudgpuError,
    MissingKeyError,
    NotFoundError,
    ProviderError,
    RateLimitedError,
    RefusedKeyError,
    UnknownModelError,
    UnreachableError,
)
from cloudgpu.sizing.checkpoint import LocalFiles, Piece, ReadCheckpoint, read_checkpoint

TIMEOUT_S = 10.0
"""For a connection and for each pause in an answer."""
DEADLINE_S = 60.0
"""For one answer in all."""
ATTEMPTS = 2
"""Reads are repeated once: a large checkpoint takes 160 of them, and one may fail."""

T = TypeVar("T")
_TRUE = {"1", "ON", "YES", "TRUE"}


def read_hub_checkpoint(name: str, clock: Clock | None = None) -> ReadCheckpoint:
    """The checkpoint `owner/name`, or one GGUF file of it as `owner/name:Q4_K_M`. Calls the network unless offline.

    Raises MissingKeyError or RefusedKeyError for a gated or private repository, UnknownModelError for one that does not
    exist, NotFoundError for one without readable weights, BadFileError for damaged files, UnreachableError,
    RateLimitedError or ProviderError when the Hub does not answer.
    """
    repo_id, _, variant = name.partition(":")
    if _is_offline():
        return read_checkpoint(_cached_files(repo_id), variant or None)
    return read_checkpoint(HubFiles(repo_id, clock or SystemClock()), variant or None)


class HubFiles:
    """The files of one repository at the commit that is newest when it is opened. Calls the network.

    `is_gated`: its terms must be accepted before anybody reads them, though whoever asks here may have.
    """

    def __init__(self, repo_id: str, clock: Clock) -> None:
        from huggingface_hub import HfApi  # heavy, and only for those who ask the Hub

        self._api = HfApi(endpoint=_endpoint())
        self._repo_id, self._clock = repo_id, clock
        info = self._attempt(lambda: self._api.model_info(repo_id, timeout=TIMEOUT_S))
        self._revision = info.sha or "main"
        self._names = tuple(file.rfilename for file in info.siblings or ())
        self.is_gated = bool(getattr(info, "gated", False))

    @property
    def origin(self) -> str:
        """Repository and revision."""
        return f"of {self._repo_id} on the Hub, revision {self._revision[:7]}"

    def names(self) -> tuple[str, ...]:
        """The files at the top of the repository."""
        return tuple(name for name in self._names if "/" not in name)

    def read(self, name: str, start: int, length: int) -> Piece:
        """See `Repository`; one range request, of whose answer no more than `length` bytes are read."""
        return self._attempt(lambda: self._read_range(name, start, length))

    def _read_range(self, name: str, start: int, length: int) -> Piece:
        from huggingface_hub import get_session, hf_hub_url
        from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

        url = hf_hub_url(self._repo_id, name, revision=self._revision, endpoint=self._api.endpoint)
        headers = {
            **build_hf_headers(library_name="cloudgpu"),
            "Range": f"bytes={start}-{start + length - 1}",
            "Accept-Encoding": "identity",
        }
        with get_session().stream("GET", url, headers=headers, timeout=TIMEOUT_S) as answer:
            if answer.status_code == 416:
                return Piece(b"", None)
            if answer.status_code >= 400:
                answer.read()
            hf_raise_for_status(answer)
            is_part = answer.status_code == 206
            data = self._body(answer.iter_bytes(), length if is_part else start + length)
            _check_whole(name, answer, data)
            return Piece(data if is_part else data[start:], _file_bytes(answer))

    def _body(self, chunks: Iterator[bytes], length: int) -> bytes:
        """At most `length` bytes: a server that knows no ranges would send the whole file."""
        begun, data = self._clock.now(), bytearray()
        for chunk in chunks:
            data += chunk
            if len(data) >= length:
                break
            if (self._clock.now() - begun).total_seconds() > DEADLINE_S:
                raise UnreachableError(
                    f"the Hub sent only {len(data):,} bytes in {DEADLINE_S:.0f} s", hint="try again later"
                )
        return bytes(data[:length])

    def _attempt(self, act: Callable[[], T]) -> T:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with _as_our_errors(self._repo_id, self._api.endpoint):
                    return act()
            except ProviderError as error:
                if attempt == ATTEMPTS or isinstance(error, RateLimitedError):
                    raise
        raise AssertionError("the last attempt returns or raises")


@contextmanager
def _as_our_errors(repo_id: str, endpoint: str) -> Iterator[None]:
    """Errors of the Hub's client as ours; the only place that maps them."""
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    try:
        yield
    except CloudgpuError:
        raise
    except GatedRepoError as error:
        raise _gated(repo_id, endpoint) from error
    except HfHubHTTPError as error:
        raise _of_status(repo_id, endpoint, error) from error
    except HFValidationError as error:
        raise UnknownModelError(f"{repo_id!r} is not a repository's name", hint="it looks like owner/name") from error
    except OfflineModeIsEnabled as error:
        raise _not_in_cache(repo_id) from error
    except Exception as error:  # whatever the transport below the Hub's client raises; it changes with its releases
        raise UnreachableError(
            f"the Hub ({endpoint}) cannot be reached: {type(error).__name__}",
            hint="check the network and HF_ENDPOINT; models of `cloudgpu models` and local folders need neither",
        ) from error


def _of_status(repo_id: str, endpoint: str, error: Any) -> CloudgpuError:  # noqa: ANN401 - the client's error type
    status = error.response.status_code if error.response is not None else 0
    code = error.response.headers.get("X-Error-Code", "") if error.response is not None else ""
    if status == 404 and code == "EntryNotFound":
        return NotFoundError(f"a file of {repo_id} is gone from the Hub", hint="look at the repository's files")
    if status == 403:
        return _gated(repo_id, endpoint)
    if status == 401 and "invalid credentials" in str(error).lower():
        return RefusedKeyError("the Hub refuses the token", hint="set HF_TOKEN to a valid one, or unset it")
    if status in (401, 404):
        return UnknownModelError(
            f"the Hub has no model {repo_id}, or it is private",
            hint="check the name; for a private one set HF_TOKEN; `cloudgpu models` lists what is known offline",
        )
    if status == 429:
        return RateLimitedError("the Hub takes no more requests for now", hint="try again later, or set HF_TOKEN")
    return ProviderError(f"the Hub ({endpoint}) answered {status} for {repo_id}", hint="try again later")


def _gated(repo_id: str, endpoint: str) -> CloudgpuError:
    from huggingface_hub import get_token

    if get_token() is None:
        return MissingKeyError(
            f"{repo_id} is gated: the Hub shows its files only to those who accepted its terms",
            hint=f"accept them at {endpoint}/{repo_id} and set HF_TOKEN",
        )
    return RefusedKeyError(
        f"{repo_id} is gated, and the token in use may not read it",
        hint=f"accept its terms at {endpoint}/{repo_id} with the token's account, or set another HF_TOKEN",
    )


def _cached_files(repo_id: str) -> LocalFiles:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    with suppress(HFValidationError):
        for name in ("config.json", "model.safetensors.index.json", "model.safetensors"):
            path = try_to_load_from_cache(repo_id, name)
            if isinstance(path, str):
                return LocalFiles(Path(path).parent, f"of {repo_id} in the Hub's cache on this machine")
    raise _not_in_cache(repo_id)


def _not_in_cache(repo_id: str) -> NotFoundError:
    return NotFoundError(
        f"HF_HUB_OFFLINE is set, and {repo_id} is not in the Hub's cache on this machine",
        hint="unset it, or name a model of `cloudgpu models` or a local folder",
    )


def _check_whole(name: str, answer: Any, data: bytes) -> None:  # noqa: ANN401 - the client's answer type
    promised = answer.headers.get("Content-Length", "")
    if answer.status_code == 206 and promised.isdigit() and len(data) < int(promised):
        raise BadAnswerError(f"the Hub's answer for {name} is cut short", hint="try again")


def _file_bytes(answer: Any) -> int | None:  # noqa: ANN401 - the client's answer type
    """The whole file's length: `bytes 0-99/4976698672`, or the length of an answer that is the whole file."""
    total = answer.headers.get("Content-Range", "").rpartition("/")[2]
    if answer.status_code == 200:
        total = answer.headers.get("Content-Length", "")
    return int(total) if total.isdigit() else None


def _endpoint() -> str:
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def _is_offline() -> bool:
    return any(os.environ.get(name, "").upper() in _TRUE for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))
