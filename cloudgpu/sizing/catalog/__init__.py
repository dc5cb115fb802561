"""Our own data, one JSON object a line, each with its source; plain JSON because it is read at every start."""

import json
from functools import cache
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).resolve().parent


@cache
def read_rows(name: str) -> tuple[dict[str, Any], ...]:
    """The rows of `<name>.jsonl` in this folder, in file order. Reads the file once a process."""
    text = (_FOLDER / f"{name}.jsonl").read_text(encoding="utf-8")
    return tuple(json.loads(f"[{','.join(text.splitlines())}]"))
