"""`ntio where NAME`: which routine of ntio does what Windows does under that name.

Every public routine that has a counterpart says so in the last line of its docstring, `NT: IoCallDriver`. The source of
the installed package is read, not imported: what needs another platform is found as well.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .output import CommandError, print_json

_PACKAGE = Path(__file__).resolve().parent.parent
_NAME = re.compile(r"!?[A-Za-z_][A-Za-z0-9_]*")
_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Place:
    """One routine, class or module that stands for NT names."""

    nt: str
    names: tuple[str, ...]
    qualified_name: str
    summary: str
    file: str
    line: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the subcommand takes."""
    parser.add_argument("name", help="an NT name such as IoCallDriver, in any case")


def run(arguments: argparse.Namespace) -> int:
    """Print every place of the name; raises CommandError with the nearest names when there is none."""
    known = list(places(_PACKAGE))
    wanted = {name.casefold() for name in spellings(arguments.name)}
    found = [place for place in known if wanted & {place.nt.casefold(), *map(str.casefold, place.names)}]
    if not found:
        raise CommandError(_not_found(arguments.name, known))
    if arguments.json:
        print_json({"name": arguments.name, "places": found})
        return 0
    for place in found:
        print(f"{place.file}:{place.line}  {place.qualified_name}\n    {place.summary}\n    NT: {place.nt}")
    return 0


def spellings(name: str) -> list[str]:
    """What NT calls the same routine: Zw and Nt, and the quick forms of Io, Ke and Ob with an f or an Ex."""
    found = [name, name.removesuffix("Ex"), name.removesuffix("Reference")]
    for prefix, other in (("Zw", "Nt"), ("Nt", "Zw"), ("Iof", "Io"), ("Kf", "Ke"), ("Obf", "Ob")):
        if name.casefold().startswith(prefix.casefold()):
            found.append(other + name[len(prefix) :])
    return found


def places(package: Path) -> Iterator[Place]:
    """Every place below a package's folder whose docstring ends with an `NT:` line."""
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        yield from _in_node(tree, module, str(path))


def _in_node(node: _Documented, name: str, file: str) -> Iterator[Place]:
    docstring = ast.get_docstring(node) or ""
    summary, _, rest = docstring.partition("\n")
    last = rest.rstrip().rpartition("\n")[2]
    if last.startswith("NT: "):
        nt = last.removeprefix("NT: ").strip()
        yield Place(nt, tuple(_names(nt)), name, summary, file, getattr(node, "lineno", 1))
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from _in_node(child, f"{name}.{child.name}", file)


def _names(nt: str) -> dict[str, None]:
    """The names of NT's in an `NT:` line, in their order: words with a capital, "Io" too, but not "I"."""
    words = _NAME.findall(nt)
    return dict.fromkeys(word for word in words if len(word) > 1 and (word != word.lower() or word.startswith("!")))


def _not_found(name: str, known: list[Place]) -> str:
    names = {candidate.casefold(): candidate for place in known for candidate in place.names}
    near = difflib.get_close_matches(name.casefold(), names, n=5, cutoff=0.6)
    near += [folded for folded in names if name.casefold() in folded and folded not in near][: 5 - len(near)]
    if not near:
        return f"nothing here is called {name}"
    return f"nothing here is called {name}; did you mean {', '.join(names[folded] for folded in near)}?"
