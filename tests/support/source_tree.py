"""The source tree as data: modules by dotted name, and every import in them.

Three kinds of import are told apart. A *runtime* import stands at the top of a module and runs when it is loaded, a
*deferred* one stands in a function, a *type* one under TYPE_CHECKING: what the interpreter does not see the reader
still does, so all three are kept.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

PACKAGE = "ntio"


@dataclass(frozen=True)
class Import:
    """One imported module, as the importing file names it."""

    target: str
    line: int
    kind: str
    relative: bool


@dataclass(frozen=True)
class Module:
    """One source file: its dotted name, its text, and what follows from both."""

    name: str
    is_package: bool
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text, self.name)

    @property
    def package(self) -> str:
        """The package a relative import of one dot starts from."""
        return self.name if self.is_package else self.name.rpartition(".")[0]

    @property
    def entry(self) -> str:
        """The entry of LAYERS this module belongs to."""
        return entry_of(self.name)


@dataclass(frozen=True, repr=False)
class Sources:
    """All modules of a tree by dotted name."""

    modules: Mapping[str, Module]
    _imports: dict[str, list[Import]] = field(default_factory=dict)

    def imports(self, module: Module) -> list[Import]:
        """Every import of a module, wherever it stands; made once."""
        if module.name not in self._imports:
            self._imports[module.name] = list(self._walk(module, module.tree, "runtime"))
        return self._imports[module.name]

    def _walk(self, module: Module, node: ast.AST, kind: str) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(alias.name, child.lineno, kind, relative=False)
            elif isinstance(child, ast.ImportFrom):
                yield from self._named(module, child, kind)
            elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                for inner in child.body:
                    yield from self._walk(module, ast.Module([inner], []), "type")
                for inner in child.orelse:
                    yield from self._walk(module, ast.Module([inner], []), kind)
            else:
                inside = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) and kind == "runtime"
                yield from self._walk(module, child, "deferred" if inside else kind)

    def _named(self, module: Module, node: ast.ImportFrom, kind: str) -> Iterator[Import]:
        base = node.module or ""
        if node.level:
            parts = module.package.split(".")
            base = ".".join([*parts[: len(parts) - node.level + 1], *([base] if base else [])])
        targets = {f"{base}.{alias.name}" if f"{base}.{alias.name}" in self.modules else base for alias in node.names}
        for target in sorted(targets):
            yield Import(target, node.lineno, kind, relative=bool(node.level))


def sources_from(files: Mapping[str, str]) -> Sources:
    """Build sources from texts by path, as in {"hal/uring.py": "..."}; the paths start inside the package."""
    modules = {}
    for path, text in files.items():
        parts = [PACKAGE, *path.removesuffix(".py").split("/")]
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        modules[name] = Module(name, is_package, text)
    return Sources(modules)


def read_sources(root: Path) -> Sources:
    """Read every Python file below a package's folder."""
    paths = sorted(root.rglob("*.py"))
    return sources_from({path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in paths})


def entry_of(name: str) -> str:
    """The entry of LAYERS for a module's dotted name."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def inside(name: str) -> bool:
    """Whether a dotted name belongs to the product."""
    return name.split(".")[0] == PACKAGE
