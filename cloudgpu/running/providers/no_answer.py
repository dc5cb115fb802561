"""Why there was no answer, in one sentence: what requests raises, and what lies beneath it."""

from urllib.parse import urlsplit

import requests

from cloudgpu.base.errors import BadAnswerError, CloudgpuError, UnreachableError, UsageError
from cloudgpu.running.exchange import TooLargeError

_CHECK_NETWORK = "check the network, and whether the service is up"
_UNREADABLE = (requests.exceptions.ContentDecodingError, requests.exceptions.InvalidJSONError)
_WORDS = (
    ("NameResolutionError", "no machine of that name is known", "check the address ({variable}) and the network"),
    ("Network is unreachable", "there is no way to it from here", "check the network: the address may be IPv6 alone"),
    ("No route to host", "there is no way to it from here", "check the network"),
    ("Connection refused", "the connection failed: nothing listens there", _CHECK_NETWORK),
)
"""What stands in the words of an error from beneath requests, what it means, and what to do."""


def no_answer(url: str, error: Exception, variable: str) -> CloudgpuError:
    """The error that the failure of a call means. `variable` names the setting that holds the address."""
    place = _host(url)
    if isinstance(error, TooLargeError):
        return BadAnswerError(f"{place} sends {error}: it was not read", hint=f"check the address ({variable})")
    if isinstance(error, _UNREADABLE):
        return BadAnswerError(
            f"{place} sends something that cannot be unpacked", hint=f"check the address ({variable})"
        )
    if isinstance(error, requests.exceptions.SSLError):
        return UnreachableError(
            f"{place}: no trusted TLS connection ({_certificate(error)})",
            hint="check this machine's time and certificates; REQUESTS_CA_BUNDLE names others",
        )
    if isinstance(error, requests.exceptions.ProxyError):
        return UnreachableError(f"{place}: the proxy does not let us through", hint="check HTTPS_PROXY and NO_PROXY")
    if isinstance(error, requests.Timeout):
        return UnreachableError(f"{place}: no answer in time", hint=_CHECK_NETWORK)
    what, hint = next(((what, hint) for said, what, hint in _WORDS if said in repr(error)), (None, None))
    return UnreachableError(
        f"{place}: {what or 'the connection failed'}", hint=(hint or _CHECK_NETWORK).format(variable=variable)
    )


def check_address(url: str, variable: str) -> None:
    """Raise UsageError unless it is an address that can be asked at all: http or https, with a host."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and url.isascii()
    except ValueError:  # half an IPv6 address, or a port that is no number
        sound = False
    if not sound:
        raise UsageError(
            f"{variable} holds no address: {url.rpartition('@')[2][:80]!r}", hint="for example https://api.example.com"
        )


def _certificate(error: requests.exceptions.SSLError) -> str:
    text = repr(error).lower()
    for sign, meaning in (
        ("expired", "its certificate has expired"),
        ("not yet valid", "its certificate is not valid yet"),
        ("self-signed", "its certificate is signed by itself"),
        ("self signed", "its certificate is signed by itself"),
        ("mismatch", "its certificate is another host's"),
        ("doesn't match", "its certificate is another host's"),
        ("unable to get local issuer", "nobody here vouches for its certificate"),
        ("wrong_version_number", "it does not speak TLS"),
        ("record layer failure", "it does not speak TLS"),
    ):
        if sign in text:
            return meaning
    return "the handshake failed"


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[2] or url[:80]
    except ValueError:  # half an IPv6 address, in an answer of the provider's
        return url[:80]
