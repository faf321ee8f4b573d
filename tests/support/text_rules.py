"""The rules about names, docstrings, lengths, and what belongs to a driver, as functions from sources to complaints."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from source_tree import Module, Sources

NAMES_THAT_SAY_NOTHING = frozenset({"common", "helper", "helpers", "misc", "util", "utils"})
_NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def empty_names(sources: Sources) -> list[str]:
    """A module's name says what is in it."""
    return [
        f"{name}: a name that says nothing" for name in sources.modules if name.split(".")[-1] in NAMES_THAT_SAY_NOTHING
    ]


def undocumented(sources: Sources) -> list[str]:
    """Every module, and every public class, function and method, has a docstring of its own or inherits one."""
    documented = _documented_methods(sources)
    complaints = []
    for module in sources.modules.values():
        if not ast.get_docstring(module.tree):
            complaints.append(f"{module.name} has no docstring")
        bare = _bare(module.tree, "", frozenset(), documented)
        complaints += [f"{module.name}:{line} {name} has no docstring" for line, name in bare]
    return complaints


def _bare(
    node: ast.AST, prefix: str, inherited: frozenset[str], documented: Mapping[str, frozenset[str]]
) -> Iterator[tuple[int, str]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.If, ast.Try, ast.With)):
            yield from _bare(child, prefix, inherited, documented)
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) or child.name.startswith("_"):
            continue
        if not ast.get_docstring(child) and child.name not in inherited and not _is_second_half(child):
            yield child.lineno, prefix + child.name
        if isinstance(child, ast.ClassDef):
            bases = [_base_name(base) for base in child.bases]
            from_bases = frozenset().union(*(documented.get(base, frozenset()) for base in bases))
            yield from _bare(child, f"{prefix}{child.name}.", from_bases, documented)


def _is_second_half(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """An overload, or the setter of a property whose getter has the docstring."""
    return any(ast.unparse(mark).endswith((".setter", ".deleter", "overload")) for mark in node.decorator_list)


def _base_name(base: ast.expr) -> str:
    return ast.unparse(base).split("[")[0].split(".")[-1]


def _documented_methods(sources: Sources) -> Mapping[str, frozenset[str]]:
    """By class name, the methods that have a docstring there or in a class it derives from."""
    classes = [node for m in sources.modules.values() for node in ast.walk(m.tree) if isinstance(node, ast.ClassDef)]
    own: dict[str, frozenset[str]] = {}
    bases: dict[str, list[str]] = {}
    for node in classes:
        methods = [child for child in node.body if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))]
        names = frozenset(method.name for method in methods if ast.get_docstring(method))
        own[node.name] = own.get(node.name, frozenset()) | names
        bases.setdefault(node.name, []).extend(map(_base_name, node.bases))

    def collect(name: str, seen: frozenset[str]) -> frozenset[str]:
        if name in seen or name not in own:
            return frozenset()
        return own[name].union(*(collect(base, seen | {name}) for base in bases[name]))

    return {name: collect(name, frozenset()) for name in own}


def long_functions(sources: Sources, limit: int) -> dict[str, int]:
    """Every function of more lines than the limit, as "module:Class.function", with its length."""
    found: dict[str, int] = {}

    def visit(module: Module, node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            name = child.name if isinstance(child, _NAMED) else ""
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                length = (child.end_lineno or child.lineno) - child.lineno + 1
                if length > limit:
                    found[f"{module.name}:{prefix}{name}"] = length
            visit(module, child, f"{prefix}{name}." if isinstance(child, _NAMED) else prefix)

    for module in sources.modules.values():
        visit(module, module.tree, "")
    return found


def long_files(sources: Sources, limit: int) -> dict[str, int]:
    """Every module of more lines than the limit, with its length."""
    lengths = {name: module.text.count("\n") for name, module in sources.modules.items()}
    return {name: length for name, length in lengths.items() if length > limit}


def incomplete_drivers(product: Path, tests: Path) -> list[str]:
    """Every driver has its folder, its page and its test."""
    complaints = []
    for path in sorted((product / "drivers").glob("*")):
        name = path.name
        if name.startswith(("_", ".")) or (path.is_file() and path.suffix != ".py"):
            continue
        if path.is_file():
            complaints.append(f"drivers/{name} is a file; a driver is a folder")
            continue
        if not (path / "README.md").exists():
            complaints.append(f"drivers/{name} has no README.md")
        if not (tests / "drivers" / f"test_{name}.py").exists():
            complaints.append(f"drivers/{name} has no test tests/drivers/test_{name}.py")
    return complaints
