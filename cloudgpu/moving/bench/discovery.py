"""Which model an endpoint serves, when nobody said. The network is reached here."""

import requests

from cloudgpu.base.errors import BadAnswerError, RefusedKeyError, UnreachableError
from cloudgpu.base.secret import Secret
from cloudgpu.running.exchange import Incoming, at, exchange, json_of

_LIMIT_S = 20.0


def first_model(url: str, api_key: Secret | None) -> str:
    """The first model that `/v1/models` lists. Calls the endpoint.

    Raises UnreachableError, RefusedKeyError, or BadAnswerError when it lists none.
    """
    headers = {"Authorization": f"Bearer {api_key.reveal()}"} if api_key else {}
    try:
        status, body = exchange("GET", f"{url}/v1/models", limit_s=_LIMIT_S, headers=headers, read=_status_and_body)
        found = at(json_of(body), "data", 0, "id") if status == 200 else None
    except requests.RequestException as error:
        raise UnreachableError(f"{url} does not answer", hint="is the address right, and the port open?") from error
    except ValueError:
        found, status = None, 200
    if status in (401, 403):
        raise RefusedKeyError(f"{url} wants another key", hint="name the variable that holds it: --api-key-env NAME")
    if not isinstance(found, str) or not found:
        raise BadAnswerError(
            f"{url} does not say which model it serves", hint="name it: --model ID; for a /chat application: --form app"
        )
    return found


def _status_and_body(incoming: Incoming) -> tuple[int, bytes]:
    return incoming.status, incoming.body()
