"""The house stays small: files, functions and docstrings keep to their budgets."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "cloudgpu"
FILES = sorted(PACKAGE.rglob("*.py"))
FILE_LINES = 400
FUNCTION_LINES = 40
FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "misc"}


def name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_file_holds_one_idea(path):
    assert path.stem not in FORBIDDEN_NAMES
    assert len(path.read_text(encoding="utf-8").splitlines()) <= FILE_LINES


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_function_fits_a_screen(path):
    too_long = {f.name: _body_lines(f) for f in _functions(path) if _body_lines(f) > FUNCTION_LINES}
    assert not too_long


@pytest.mark.parametrize("path", FILES, ids=name)
def test_every_public_function_and_class_says_what_it_is_for(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    silent = [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
        and not _is_nested_or_registered(node, tree)
    ]
    assert not silent


def _functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def _body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    if not body:
        return 0
    return (body[-1].end_lineno or body[-1].lineno) - body[0].lineno + 1


def _is_nested_or_registered(node: ast.AST, tree: ast.Module) -> bool:
    """Functions inside functions, and methods of private classes, are their owner's business."""
    for owner in ast.walk(tree):
        inside = any(child is node for child in ast.walk(owner) if child is not owner)
        if inside and isinstance(owner, ast.FunctionDef | ast.AsyncFunctionDef):
            return True
        if inside and isinstance(owner, ast.ClassDef) and owner.name.startswith("_"):
            return True
    return False
