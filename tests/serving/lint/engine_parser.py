"""vLLM's own argument definitions, read in the source of a wheel and given to argparse: the judge of the rules.

The wheel cannot be imported without torch and CUDA, so its `add_argument` calls and the fields of its configuration
classes are read from the syntax tree. The kind of each is derived as the engine's `get_kwargs` does: booleans with a
`--no-` form, Literals as choices, lists as several words, dictionaries as JSON. What only running the engine would tell
(values that are compared with the model's configuration) is not judged here.
"""

import argparse
import ast
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_SOURCES = re.compile(r"^vllm/(config/\w+|engine/arg_utils|entrypoints/(openai|common)/cli_args)\.py$")


class RefusedError(Exception):
    """What the parser says."""


class EngineParser(argparse.ArgumentParser):
    """The parser of one release."""

    def error(self, message):
        raise RefusedError(message)

    def refusal(self, words, *, by_module=False):
        """Why the command line is refused; None when it is taken.

        `vllm serve` takes a word that stands alone for the model; the module that older images start ignores it.
        """
        try:
            found = self.parse_args([self._positive(word) for word in _plain(words)])
        except RefusedError as refused:
            return str(refused)
        twice = found.model_tag and getattr(found, "model", None) and not by_module
        return f"{found.model_tag} is taken for the model" if twice else None

    def _positive(self, word):
        """The newest release has `--disable-X` for every `--enable-X`."""
        name = word.replace("--disable-", "--enable-", 1)
        is_alias = self.has_disable_aliases and word not in self.flags and name in self.switches
        return f"--no-{name[2:]}" if is_alias else word

    has_disable_aliases = False

    @property
    def flags(self):
        """Every long flag."""
        return {name for action in self._actions for name in action.option_strings if name.startswith("--")}

    @property
    def switches(self):
        """The long flags that take no value."""
        return {
            name
            for action in self._actions
            if action.nargs == 0
            for name in action.option_strings
            if name.startswith("--") and not name.startswith("--no-")
        }


def read_parser(wheel: Path) -> EngineParser:
    """The parser of `vllm serve` as a wheel defines it."""
    with zipfile.ZipFile(wheel) as files:
        names = sorted(name for name in files.namelist() if _SOURCES.match(name))
        trees = [ast.parse(files.read(name)) for name in names]
        helpers = [files.read(each).decode() for each in files.namelist() if each.endswith("/argparse_utils.py")]
    classes = {node.name: node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    aliases = {name: value for tree in trees for name, value in _aliases(tree)}
    parser = EngineParser(prog="vllm serve", allow_abbrev=True)
    parser.add_argument("model_tag", nargs="?")
    seen: set[str] = set()
    for owner in ("FrontendArgs", "BaseFrontendArgs"):
        for name, hint in _fields(classes, owner):
            _add(parser, seen, [f"--{name.replace('_', '-')}"], _of_frontend(name, hint, aliases))
    for tree in trees:
        for options, kwargs in _calls(tree, classes, aliases):
            _add(parser, seen, options, kwargs)
    parser.has_disable_aliases = any("--disable-" in source and "--enable-" in source for source in helpers)
    return parser


def _aliases(tree: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            if ast.unparse(node.annotation) == "TypeAlias":
                yield node.target.id, node.value
        elif hasattr(ast, "TypeAlias") and isinstance(node, ast.TypeAlias):
            yield node.name.id, node.value


def _fields(classes, owner: str) -> Iterator[tuple[str, ast.expr]]:
    for node in classes[owner].body if owner in classes else ():
        is_field = isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        if is_field and "ClassVar" not in ast.unparse(node.annotation):
            yield node.target.id, node.annotation


def _calls(tree: ast.AST, classes, aliases) -> Iterator[tuple[list[str], dict[str, Any]]]:
    owners = {
        node.targets[0].id: node.value.args[0].id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        if getattr(node.value.func, "id", "") == "get_kwargs" and isinstance(node.targets[0], ast.Name)
    }
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument"):
            continue
        options = [each.value for each in node.args if isinstance(each, ast.Constant)]
        if not options or not all(option.startswith("-") for option in options):
            continue
        spread = next((_field_of(each.value) for each in node.keywords if each.arg is None), None)
        given = {each.arg: each.value for each in node.keywords if each.arg}
        if spread:
            hint = dict(_fields(classes, owners.get(spread[0], ""))).get(spread[1])
            is_json = hint is not None and set(re.findall(r"\w+", ast.unparse(hint))) & set(classes)
            yield options, {"type": json.loads} if is_json else _kind(hint, aliases) if hint is not None else {}
        elif "action" in given:
            action = ast.unparse(given["action"]).strip("'\"")
            yield options, {"action": argparse.BooleanOptionalAction if "Boolean" in action else action}
        else:
            nargs = ast.literal_eval(given["nargs"]) if "nargs" in given else None
            yield options, {"nargs": nargs} if nargs else {}


def _field_of(spread: ast.expr) -> tuple[str, str] | None:
    """`**cache_kwargs["x"]`, or the same inside a dictionary that changes a part of it."""
    for node in ast.walk(spread):
        if (
            isinstance(node, ast.Subscript)
            and isinstance(node.value, ast.Name)
            and isinstance(node.slice, ast.Constant)
        ):
            return node.value.id, node.slice.value
    return None


def _of_frontend(name: str, hint: ast.expr, aliases) -> dict[str, Any]:
    """The frontend's own exceptions: JSON for the CORS lists, one word a middleware."""
    if name in ("allowed_origins", "allowed_methods", "allowed_headers"):
        return {"type": json.loads}
    if name in ("middleware", "disable_access_log_for_endpoints"):
        return {}
    return _kind(hint, aliases)


def _kind(hint: ast.expr, aliases) -> dict[str, Any]:
    text = ast.unparse(hint)
    parts = {part.strip() for part in re.sub(r"Optional\[(.*)\]$", r"\1 | None", text).split("|")}
    if parts == {"bool", "str", "None"}:
        return {"nargs": "?", "const": True}
    if re.search(r"\bbool\b", text):
        return {"action": argparse.BooleanOptionalAction}
    if re.search(r"\b(list|set|tuple|Sequence)\[", text):
        return {"nargs": "+"}
    choices = _choices(hint, aliases)
    if choices:
        return {"choices": [*map(str, choices), "None"]}
    outside = re.sub(r"dict\[[^\[\]]*\]", "dict", text)
    if re.search(r"\bdict\b", outside) and "str" not in outside and "Callable" not in outside:
        return {"type": json.loads}
    return {}


def _choices(hint: ast.expr, aliases) -> list[Any] | None:
    """The values of a Literal or of a union of them; None as soon as anything else may stand there."""
    match hint:
        case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
            elements = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            found = [each.value for each in elements if isinstance(each, ast.Constant)]
            return found if len(found) == len(elements) else None
        case ast.Subscript(value=ast.Name(id="Optional" | "SkipValidation"), slice=inner):
            return _choices(inner, aliases)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            sides = [_choices(each, aliases) for each in (left, right) if ast.unparse(each) != "None"]
            return [one for side in sides for one in side] if all(side is not None for side in sides) else None
        case ast.Name(id=name) if name in aliases and name != ast.unparse(aliases[name]):
            return _choices(aliases[name], aliases)
    return None


def _add(parser: EngineParser, seen: set[str], options: list[str], kwargs: dict[str, Any]) -> None:
    fresh = [option for option in options if option not in seen]
    if not fresh:
        return
    seen.update(fresh)
    if kwargs.get("action") is argparse.BooleanOptionalAction:
        seen.update("--no-" + option[2:] for option in fresh if option.startswith("--"))
    known = ("store_true", "store_false", "append", "help", "version", argparse.BooleanOptionalAction, None)
    parser.add_argument(*fresh, **(kwargs if kwargs.get("action") in known else {}))


def _plain(words) -> Iterator[str]:
    """As the engine's FlexibleArgumentParser reads them: `_` for `-` in names, `-O3`, `--flag.key value` as JSON."""
    queue = list(words)
    while queue:
        word = queue.pop(0)
        name, sign, value = word.partition("=")
        if not name.startswith("-"):
            yield word
            continue
        name = name.replace("_", "-") if name.startswith("--") else name
        if re.match(r"^-O\d$", name):
            continue
        if "." in name and name.startswith("-"):
            flag, _, key = name.partition(".")
            yield flag
            yield json.dumps({key: value if sign else queue.pop(0)})
        else:
            yield f"{name}{sign}{value}"
