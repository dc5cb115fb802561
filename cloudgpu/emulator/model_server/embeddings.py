"""/v1/embeddings: a vector of each text, drawn from the text alone, so that the same words have the same vector."""

import json
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cloudgpu.emulator.model_server.tokens import tokens
from cloudgpu.emulator.model_server.trouble import REFUSALS, refused

_DIMENSIONS = 32
"""Real models have hundreds; nobody here looks at more than that there are some."""


async def embeddings(request: Request) -> Response:
    """POST /v1/embeddings."""
    spec = request.app.state.spec
    try:
        body = json.loads(await request.body())
        given = body["input"]
    except (ValueError, TypeError, KeyError) as error:
        return JSONResponse({"error": {"message": f"invalid request: {error}", "code": 400}}, 400)
    model = str(body.get("model") or spec.names[0])
    if model not in spec.names:
        return JSONResponse({"error": {"message": f"The model `{model}` does not exist.", "code": 404}}, 404)
    fault = spec.trouble("engine")
    if fault is not None and fault.do in REFUSALS:
        return await refused(fault)
    texts = [str(each) for each in given] if isinstance(given, list) else [str(given)]
    rows = [{"object": "embedding", "index": number, "embedding": _vector(each)} for number, each in enumerate(texts)]
    count = sum(len(tokens(each)) for each in texts)
    usage = {"prompt_tokens": count, "total_tokens": count}
    return JSONResponse({"object": "list", "model": model, "data": rows, "usage": usage})


def _vector(text: str) -> list[float]:
    """Of length 1, as models that embed give it."""
    raw = [byte - 127.5 for byte in sha256(text.encode()).digest()[:_DIMENSIONS]]
    length = sum(each * each for each in raw) ** 0.5
    return [each / length for each in raw]
