"""A digest of everything in our code that a function's result depends on.

Covered: the normalised AST (no docstrings, annotations, decorators or positions), helpers and constants
that it reaches inside this distribution, versions of other distributions' callables, and the entries of
the reference lists and phrase files it names. Not covered: the parser, which `parser_digest` pins.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import re
import sys
import textwrap
import types
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions, version

from scorelane.signals.reference import LIST_NAMES, SHIPPED, list_digest

OURS = "scorelane.signals"
PARSERS = ("fast-mail-parser", "selectolax", "can-ada", "publicsuffixlist")
"""Distributions whose version changes what a Message says."""

PHRASE_NAMES = tuple(sorted(path.stem for path in (SHIPPED / "phrases").glob("*.txt")))
LISTED = {
    "lists": (LIST_NAMES, ""),
    "phrases": (PHRASE_NAMES, "phrases/"),
    "subject_phrases": (PHRASE_NAMES, "phrases/"),
}
"""Parameters that stand for list files: names of the files, and their folder."""

PARSER_EDITION = 4
"""Counts up when the parser, or a version in `PARSERS`, changes what signals read. Part of every hash."""


@cache
def code_hash(fn: Callable[..., object]) -> str:
    """Hex digest of a function's normalised code and all that it reaches."""
    digest = hashlib.sha256()
    for line in _reach(fn, set()):
        digest.update(line.encode("utf-8", "surrogatepass"))
        digest.update(b"\n")
    return digest.hexdigest()


def parser_digest() -> str:
    """Hex digest of the pinned parser versions and the edition of our own."""
    pins = [f"{name}=={version(name)}" for name in PARSERS]
    return hashlib.sha256("\n".join([f"edition {PARSER_EDITION}", *pins]).encode()).hexdigest()


def _reach(fn: Callable[..., object], seen: set[object]) -> Iterator[str]:
    """Lines that describe a function and, depth first, what it reaches."""
    fn = inspect.unwrap(fn)
    if fn in seen:
        return
    seen.add(fn)
    tree = _parse(fn)
    yield f"def {fn.__qualname__} {normalise(tree)}"
    names = vars(sys.modules[fn.__module__])
    for path in sorted(_paths(tree)):
        if path[0] in LISTED:
            yield from _list_lines(path)
        elif path[0] in names:
            value, rest = names[path[0]], path[1:]
            while isinstance(value, types.ModuleType) and rest:
                value, rest = getattr(value, rest[0], None), rest[1:]
            yield from _value(".".join(path), value, seen)


def _list_lines(path: tuple[str, ...]) -> Iterator[str]:
    """Lines for the list or phrase family that a path reads, or for all where it is passed on whole."""
    known, folder = LISTED[path[0]]
    for name in path[1:2] or known:
        if name in known:
            yield f"{path[0]} {name} {list_digest(folder + name)}"


def _value(name: str, value: object, seen: set[object]) -> Iterator[str]:
    """Lines that describe one value that a function reaches by a global name."""
    own = getattr(value, "__module__", None)
    stated = getattr(value, "hash_lines", None)
    if isinstance(value, type):
        is_ours = str(own).startswith(OURS)
        yield from _reach(value, seen) if is_ours else (f"{name} = {_foreign(str(own), name)}",)
    elif callable(stated):
        yield f"{name} = {stated()}"
    elif isinstance(value, types.ModuleType):
        yield f"{name} = module {value.__name__}"
    elif callable(value):
        is_ours = inspect.isfunction(inspect.unwrap(value)) and str(own).startswith(OURS)
        yield from _reach(value, seen) if is_ours else (f"{name} = {_foreign(str(own), name)}",)
    else:
        yield f"{name} = {constant(value)}"


def _foreign(module: str, name: str) -> str:
    """Identity of another distribution's callable: its version too, unless it is Python's or ours."""
    top = module.partition(".")[0]
    owners = _distributions().get(top, [])
    pins = "" if top in {"scorelane", "builtins"} else ",".join(version(o) for o in sorted(set(owners)))
    return f"{module}.{name} {pins}".rstrip()


@cache
def _distributions() -> Mapping[str, list[str]]:
    return packages_distributions()


def constant(value: object) -> str:
    """Text of a constant that is the same in every process: sets and mappings sorted."""
    match value:
        case re.Pattern():
            text = f"re {value.pattern!r} {value.flags}"
        case str() | bytes() | int() | float() | None:
            text = repr(value)
        case tuple() | list():
            text = "[" + ",".join(constant(item) for item in value) + "]"
        case set() | frozenset():
            text = "{" + ",".join(sorted(constant(item) for item in value)) + "}"
        case Mapping():
            pairs = sorted(f"{constant(key)}:{constant(item)}" for key, item in value.items())
            text = "{" + ",".join(pairs) + "}"
        case _:
            pattern = getattr(value, "pattern", None)  # google-re2
            text = f"{type(value).__module__}.{type(value).__name__} {pattern!r}"
    return text


def _parse(fn: Callable[..., object]) -> ast.AST:
    return stripped(textwrap.dedent(inspect.getsource(fn)))


def stripped(source: str) -> ast.AST:
    """Tree of one definition without decorators, annotations of parameters and results, and docstrings."""
    tree = ast.parse(source).body[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef):
            node.decorator_list, node.returns = [], None
            node.body = [line for line in node.body if not _is_text(line)]
        elif isinstance(node, ast.ClassDef):
            node.body = [line for line in node.body if not _is_text(line)]
    return tree


def _is_text(line: ast.stmt) -> bool:
    """Whether a statement is a docstring, of a function, class or attribute."""
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str)


def normalise(node: object) -> str:
    """Text of an AST without positions and empty fields, equal on every supported Python."""
    if isinstance(node, ast.AST):
        fields = (
            f"{name}={normalise(value)}"
            for name, value in ast.iter_fields(node)
            if value not in (None, []) and name not in {"kind", "type_comment", "type_params", "ctx"}
        )
        return f"{type(node).__name__}({','.join(fields)})"
    if isinstance(node, list):
        return "[" + ",".join(normalise(item) for item in node) + "]"
    return repr(node)


def _paths(tree: ast.AST) -> set[tuple[str, ...]]:
    """Dotted names that the code reads: ("lists", "free_mail"), ("WORDS",), ("math", "log1p").

    A name stands alone only where it is used without an attribute.
    """
    found: set[tuple[str, ...]] = set()
    bases: set[ast.expr] = set()
    for node in ast.walk(tree):  # outer nodes come first
        if isinstance(node, ast.Attribute):
            bases.add(node.value)
            parts: list[str] = []
            at: ast.expr = node
            while isinstance(at, ast.Attribute):
                parts.append(at.attr)
                at = at.value
            if isinstance(at, ast.Name):
                found.add((at.id, *reversed(parts)))
        elif isinstance(node, ast.Name) and node not in bases:
            found.add((node.id,))
    return found
