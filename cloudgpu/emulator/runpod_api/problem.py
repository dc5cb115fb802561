"""Refusals as RunPod sends them: problem documents."""

from http import HTTPStatus

from starlette.responses import Response

from cloudgpu.emulator.vast_api.reply import json_text


def problem(status: int, detail: str, errors: list[dict[str, str]] | None = None) -> Response:
    """A problem document; `errors` name the fields of a body that breaks the contract."""
    body = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return Response(
        json_text({**body, "errors": errors} if errors else body), status, media_type="application/problem+json"
    )
