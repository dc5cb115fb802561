"""A golden file's `python` assertions, for those who said that the file may run code: each in a process of its own.

The process is given no variable of this one, so no key; it may do whatever else its user may do.
"""

import json
import subprocess
import sys

LIMIT_S = 10.0

_CHILD = """
import json, sys
given = json.load(sys.stdin)
names = {"output": given["output"], "context": {"vars": {}, "prompt": given["prompt"]}}
source = given["source"].strip()
if "\\n" in source or source.startswith("return "):
    body = "\\n".join("    " + line for line in source.splitlines())
    exec("def judge(output, context):\\n" + body, names)
    found = names["judge"](names["output"], names["context"])
else:
    found = eval(source, names)
print("\\n" + json.dumps(found))
"""


def failure_of_python(source: str, output: str, prompt: str, threshold: float | None) -> str | None:
    """Why the code refuses the answer; None when it accepts it. RUNS THE CODE, ten seconds at most.

    As in promptfoo: an expression, or lines that return, over `output` and `context`; what comes back is true or false,
    a score (at least `threshold`, else above zero), or an object with `pass`, `score` and `reason`.
    """
    given = json.dumps({"source": source, "output": output, "prompt": prompt})
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _CHILD], input=given, capture_output=True, text=True, timeout=LIMIT_S,
            check=True, env={},
        )  # fmt: skip
        return _refusal(json.loads(done.stdout.splitlines()[-1]), threshold)
    except subprocess.TimeoutExpired:
        return f"the python assertion took more than {LIMIT_S:g} s"
    except subprocess.CalledProcessError as error:
        last = (error.stderr or "it ended without a word").strip().splitlines()[-1]
        return f"the python assertion failed: {last[:120]}"
    except (OSError, ValueError, LookupError):
        return "the python assertion says nothing that can be read"


def _refusal(found: object, threshold: float | None) -> str | None:
    if isinstance(found, dict):
        reason = str(found.get("reason") or "the python assertion refuses it")
        return None if found.get("pass", _holds(found.get("score"), threshold)) else reason
    return None if _holds(found, threshold) else f"the python assertion says {json.dumps(found)[:60]}"


def _holds(found: object, threshold: float | None) -> bool:
    if isinstance(found, bool) or not isinstance(found, int | float):
        return found is True
    return found > 0 if threshold is None else found >= threshold
