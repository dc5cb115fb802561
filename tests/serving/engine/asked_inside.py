"""Runs inside an environment that holds one vLLM release: what its own parser and configuration say to command lines.

`python asked_inside.py < cases > verdicts`: one JSON a line, first the `flags` that the parser has. A case is `words`
behind `vllm serve` (or behind the older module, `entry`); `parsed_only` ones go no further than the parser and the
frontend. A verdict is `refused` (its last words, null when it is taken) and `stage`: parser, frontend, engine. Each
case runs in a process of its own, so none leaves anything behind.

The engine is as published. Below it lies a driver library that knows cards which are not there (driver.c), and models
are inspected in this process, where the engine would start a Python for each.
"""

import argparse
import contextlib
import gc
import importlib
import io
import json
import os
import re
import signal
import sys
import traceback

LONGEST_S = 300


def verdict(case, modules):
    """What the release says to one case."""
    stage = "parser"
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            args = _parsed(case, modules)
            stage = "frontend"
            for each in modules["checks"]:
                each(args)
            if case["parsed_only"]:
                return {"stage": "taken", "refused": None}
            stage = "engine"
            engine = modules["arguments"].from_cli_args(args)
            engine.create_engine_config(usage_context=modules["usage"].OPENAI_API_SERVER)
    except SystemExit:
        return {"stage": stage, "refused": _last(said.getvalue())}
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{os.path.basename(where.filename)}:{where.lineno}"
        return {"stage": stage, "refused": f"{type(error).__name__}: {error}"[:2000], "at": place}
    return {"stage": "taken", "refused": None}


def _parsed(case, modules):
    """The arguments as the image's entrypoint parses them."""
    parser = modules["parser"]()
    if case["entry"] == "module":
        args = modules["make"](parser).parse_args(case["words"])
        modules["validate"](args)
        return args
    command = modules["serve"].cmd_init()[0]
    command.subparser_init(parser.add_subparsers(required=False, dest="subparser"))
    args = parser.parse_args(["serve", *case["words"]])
    command.validate(args)
    if getattr(args, "model_tag", None) is not None:
        args.model = args.model_tag
    return args


def _last(text):
    """The parser's last word: what follows `error:`."""
    found = re.search(r".*error: (.*)", text, re.DOTALL)
    return (found[1] if found else text).strip()[:2000] or "left without a word"


def engine_modules():
    """The release's own functions, wherever it keeps them."""

    def first(name, *places):
        for place in places:
            with contextlib.suppress(ImportError, AttributeError):
                return getattr(importlib.import_module(place), name)
        return None

    rooms = ("common", "launchers", "openai")
    frontend = tuple(f"vllm.entrypoints.{room}.cli_args" for room in rooms)
    servers = (*frontend, "vllm.entrypoints.launchers.launcher", "vllm.entrypoints.openai.api_server")
    api = first("validate_api_server_args", *servers)
    importlib.import_module("vllm.model_executor.models.registry")._run_in_subprocess = lambda task: task()
    return {
        "serve": importlib.import_module("vllm.entrypoints.cli.serve"),
        "parser": first("FlexibleArgumentParser", "vllm.utils.argparse_utils", "vllm.utils"),
        "make": first("make_arg_parser", *frontend),
        "validate": first("validate_parsed_serve_args", *frontend),
        "checks": [api] if api else [],
        "arguments": first("AsyncEngineArgs", "vllm.engine.arg_utils"),
        "usage": first("UsageContext", "vllm.usage.usage_lib"),
    }


def flags(modules, entry):
    """Every spelling of a flag that the entrypoint's parser has, with whether it stands alone."""
    parser = modules["parser"]()
    if entry == "module":
        parser = modules["make"](parser)
    else:
        parser = modules["serve"].cmd_init()[0].subparser_init(parser.add_subparsers())
    return {name: each.nargs == 0 for each in parser._actions for name in each.option_strings}


def in_a_child(case, modules):
    """The verdict of a process of its own; one that does not end is said to hang.

    What it had to import is imported here, so that the next one need not.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(LONGEST_S)
        os.close(reading)
        known = set(sys.modules)
        try:
            found = verdict(case, modules)
        except BaseException as error:
            found = {"stage": "none", "refused": f"{type(error).__name__}: {error}"}
        found["imported"] = sorted(set(sys.modules) - known)
        with os.fdopen(writing, "w") as out:
            json.dump(found, out)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    found = json.loads(text) if text else {"stage": "none", "refused": "the process died or hung", "imported": []}
    for name in found.pop("imported"):
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    return found


def main() -> None:
    """Answers every case of the standard input."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the engine logs to stdout
    modules = engine_modules()
    missing = [name for name, value in modules.items() if value is None]
    if missing:
        raise SystemExit(f"this release keeps elsewhere: {', '.join(missing)}")
    asked = [json.loads(line) for line in sys.stdin]
    out.write(json.dumps({"flags": flags(modules, asked[0]["entry"])}) + "\n")
    out.flush()
    for case in asked:
        gc.freeze()  # a child that collects copies no page of what was loaded before it
        out.write(json.dumps({"id": case["id"], **in_a_child(case, modules)}) + "\n")
        out.flush()


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    main()
