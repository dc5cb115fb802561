"""Runs where hf-mem is installed: its own `run` against a hub on this machine (the address is fixed in the program).

stdin: {"hub": URL, "models": [name], "tokens": context}; stdout: a line of JSON a model.
"""

import json
import sys
import warnings

import hf_mem
import httpx2
from hf_mem._version import __version__


def towards(hub: str) -> None:
    """Send what it asks of huggingface.co to `hub`."""
    ask = httpx2.AsyncClient.get

    async def get(client, url, **more):
        return await ask(client, str(url).replace("https://huggingface.co", hub), **more)

    httpx2.AsyncClient.get = get


def answered(name: str, tokens: int, kv_cache_dtype: str) -> dict:
    """File bytes and the cache of one sequence, or the tool's own words."""
    answer: dict = {"model": name, "version": __version__}
    try:
        found = hf_mem.run(name, experimental=True, max_model_len=tokens, kv_cache_dtype=kv_cache_dtype)
        answer |= {"bytes": found.memory, "kv_bytes": found.kv_cache}
    except Exception as error:  # whatever a tool says is its answer
        answer["bytes_error"] = f"{type(error).__name__}: {error}"[:200]
    return answer


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    asked = json.load(sys.stdin)
    towards(asked["hub"])
    for each in asked["models"]:
        found = answered(each, asked["tokens"], "auto")
        if "bytes" not in found:
            found = answered(each, asked["tokens"], "bfloat16") | {"kv_auto_error": found["bytes_error"]}
        print(json.dumps(found), flush=True)
