"""Answers as Vast sends them: JSON numbers with every digit of a Decimal, and its errors by name."""

import json
import re
import secrets
from decimal import Decimal
from typing import Any

from starlette.responses import Response

from cloudgpu.base.money import exact_text

_MARK = secrets.token_hex(8)
_MARKED = re.compile(f'"{_MARK}:([-0-9.]+)"')


def reply(value: Any, status: int = 200) -> Response:  # noqa: ANN401 - any JSON value
    """A JSON answer; Decimals stand in it as plain numbers, so that no cent gets lost on the way."""
    return Response(json_text(value), status_code=status, media_type="application/json")


def refusal(status: int, error: str, message: str, **more: object) -> Response:
    """An error in Vast's shape."""
    return reply({"success": False, "error": error, "msg": message, **more}, status)


def json_text(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """JSON text with exact Decimals (`json` alone cannot write them as numbers)."""
    return _MARKED.sub(r"\1", json.dumps(value, default=_marked, ensure_ascii=True))


def _marked(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{_MARK}:{exact_text(value)}"
    raise TypeError(f"{type(value).__name__} is no JSON value")
