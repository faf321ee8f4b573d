"""What the hot modules have to keep to so that mypyc could compile them, as functions from sources to complaints.

A compiled class has its fields at fixed places and its methods at fixed addresses. So every function says its types,
every class its slots; nobody outside derives from these classes, nothing refers to them weakly, and no attribute is
made up at run time. A NumPy scalar that gets into a packet makes every later step slow, so NumPy is used for views
only; who calls the hot modules turns scalars into ints first.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from source_tree import PACKAGE, Module, Sources

#: The hot modules; one that does not exist yet is left out.
HOT = (
    "io_manager.packet.irp", "io_manager.packet.irp_buffers", "io_manager.packet.irp_fields",
    "io_manager.dispatch", "kernel.queue_object",
)  # fmt: skip
#: Modules whose classes lend names to the hot ones: no fields, so nothing to be laid out.
NAMES_ONLY = ("io_manager.packet.location_fields", "io_manager.packet.nt_fields", "kernel.nt_names")
#: Classes that may derive from hot ones: the product's own.
OWN_CHILDREN = ("CheckedIrp", "FreedIrp")
#: What a class of a few constants derives from.
ENUMS = frozenset({"Enum", "IntEnum", "enum.Enum", "enum.IntEnum"})
#: What NumPy is used for: a view of bytes.
NUMPY = ("frombuffer", "uint8")

_TRICKS = ("setattr", "delattr", "vars", "eval", "exec", "globals", "locals", "__import__")
_DUNDERS = ("__dict__", "__getattr__", "__getattribute__", "__setattr__", "__delattr__", "__weakref__", "__class__")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def hot(sources: Sources) -> Iterator[Module]:
    """The hot modules that there are."""
    for name in HOT:
        if module := sources.modules.get(f"{PACKAGE}.{name}"):
            yield module


def untyped(sources: Sources) -> list[str]:
    """Every parameter and every result in a hot module has its type."""
    complaints = []
    for module in hot(sources):
        for node in ast.walk(module.tree):
            if isinstance(node, _FUNCTIONS):
                bare = [one.arg for one in _parameters(node) if one.annotation is None and one.arg != "self"]
                bare += [] if node.returns is not None else ["its result"]
                complaints += [f"{module.name}:{node.lineno} {node.name}: {one} has no type" for one in bare]
    return complaints


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.arg]:
    given = node.args
    rest = [one for one in (given.vararg, given.kwarg) if one is not None]
    return [*given.posonlyargs, *given.args, *given.kwonlyargs, *rest]


def without_slots(sources: Sources) -> list[str]:
    """Every class in a hot module has slots, is plain or a dataclass, and derives from nothing but hot classes."""
    complaints = []
    known = {node.name for module in [*hot(sources), *_names_only(sources)] for node in _classes(module)}
    for module in hot(sources):
        for node in _classes(module):
            where = f"{module.name}:{node.lineno} {node.name}"
            bases = {ast.unparse(base) for base in node.bases if not ast.unparse(base).startswith("Generic[")}
            if bases and bases <= ENUMS:
                continue  # a few constants, compiled as such
            marks = [ast.unparse(mark) for mark in node.decorator_list]
            slotted = any(_assigned(item) == "__slots__" for item in node.body)
            if not slotted and not any(mark.startswith("dataclass(") and "slots=True" in mark for mark in marks):
                complaints.append(f"{where} has no __slots__")
            if node.keywords or any(not mark.startswith("dataclass(") for mark in marks):
                complaints.append(f"{where} has a decorator or a metaclass")
            complaints += [f"{where} derives from {base}, which is not hot" for base in sorted(bases - known)]
    return complaints


def fields_in_names(sources: Sources) -> list[str]:
    """A class that lends names has no fields of its own."""
    return [
        f"{module.name}:{node.lineno} {node.name} is a base of a hot class and has fields"
        for module in _names_only(sources)
        for node in _classes(module)
        if node.name in _bases_of_hot(sources) and not any(_no_fields(item) for item in node.body)
    ]


def _no_fields(item: ast.stmt) -> bool:
    return isinstance(item, ast.Assign) and _assigned(item) == "__slots__" and ast.unparse(item.value) == "()"


def _bases_of_hot(sources: Sources) -> set[str]:
    return {ast.unparse(base) for module in hot(sources) for node in _classes(module) for base in node.bases}


def _names_only(sources: Sources) -> list[Module]:
    return [module for name in NAMES_ONLY if (module := sources.modules.get(f"{PACKAGE}.{name}"))]


def _classes(module: Module) -> list[ast.ClassDef]:
    return [node for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)]


def _assigned(node: ast.stmt) -> str:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return targets[0].id if targets and isinstance(targets[0], ast.Name) else ""


def subclassed(sources: Sources) -> list[str]:
    """Nothing derives from a hot class but other hot ones and the verifier's own."""
    classes = {node.name for module in hot(sources) for node in _classes(module)}
    own = {module.name for module in hot(sources)}
    complaints = []
    for module in sources.modules.values():
        if module.name in own:
            continue
        for node in _classes(module):
            bases = {ast.unparse(base).split(".")[-1] for base in node.bases}
            if bases & classes and node.name not in OWN_CHILDREN:
                complaints.append(f"{module.name}:{node.lineno} {node.name} derives from a hot class")
    return complaints


def tricks(sources: Sources) -> list[str]:
    """No hot module makes up attributes, looks into dictionaries of objects, or refers to anything weakly."""
    complaints = []
    for module in hot(sources):
        for node in ast.walk(module.tree):
            found = _trick(node)
            if found:
                complaints.append(f"{module.name}:{node.lineno} {found}")  # type: ignore[attr-defined]
    return complaints


def _trick(node: ast.AST) -> str:
    if isinstance(node, ast.Import) and any(alias.name == "weakref" for alias in node.names):
        return "weakref"
    if isinstance(node, ast.ImportFrom) and node.module == "weakref":
        return "weakref"
    if isinstance(node, ast.Name) and node.id in _TRICKS:
        return node.id
    if isinstance(node, ast.Attribute) and node.attr in _DUNDERS:
        return node.attr
    if isinstance(node, _FUNCTIONS) and node.name in _DUNDERS:
        return node.name
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr":
        name = node.args[1]
        plain = isinstance(name, ast.Constant) and str(name.value).startswith("__") and name.value not in _DUNDERS
        return "" if plain else "getattr"
    return ""


def numpy_values(sources: Sources) -> list[str]:
    """In a hot module NumPy makes views of bytes, and nothing else."""
    complaints = []
    for module in hot(sources):
        annotations = set(_annotations(module.tree))
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("np", "numpy"):
                if node.attr not in NUMPY and node not in annotations:
                    complaints.append(f"{module.name}:{node.lineno} np.{node.attr}")
            elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "numpy":
                complaints.append(f"{module.name}:{node.lineno} from {node.module} import")
    return complaints


def _annotations(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        for written in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if written is not None:
                yield from ast.walk(written)
