"""The rules about who may import what, as functions from sources to complaints.

Each rule returns a list of sentences, one per breach, empty if there is none. `test_layout.py` applies every rule to
the product, and to small made-up trees that break it. LAYERS is the one place that holds the order of the layers.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping

from source_tree import PACKAGE, Module, Sources, entry_of, inside

# The order of the layers: a module imports from its own entry or from a line above it.
LAYERS = (
    ("_version", "status_codes", "status_translation", "status", "bugcheck", "abi"),
    ("hal",),
    ("kernel",),
    ("executive",),
    ("memory",),
    ("security",),
    ("object_manager",),
    ("io_manager",),
    ("cache_manager", "plug_and_play"),
    ("driver_kit", "wdm"),
    ("drivers",),
    ("verifier",),
    ("system",),
    ("win32", "serve", "debugger"),
    ("__init__",),
    ("testing",),
    ("cli", "__main__"),
)
# On these lines an entry may also import from the ones to its left; elsewhere entries of one line are strangers.
ORDERED_LINES = (0, 16)
DRIVERS_LINE = 10

# The doors to the machine. Up to the drivers, only the HAL goes through them.
MACHINE = frozenset(
    (
        *("os", "posix", "fcntl", "mmap", "ctypes", "shutil", "tempfile", "subprocess", "importlib"),
        *("socket", "select", "selectors", "asyncio", "signal"),
        *("threading", "_thread", "queue", "concurrent", "multiprocessing"),
        *("time", "sched", "random", "secrets"),
    )
)
MACHINE_ALLOWED = {"hal": MACHINE, "abi": frozenset({"ctypes"})}

# What may be imported from outside the standard library, and by whom (empty: by everyone).
OUTSIDE: Mapping[str, tuple[str, ...]] = {
    "numpy": (),
    "rich": ("cli",),
    "pytest": ("testing",),
    "hypothesis": ("testing",),
}

# Reached from outside, so nothing inside has to import them. A package here stands for all its modules.
ENTRIES = ("ntio", "ntio.__main__", "ntio.wdm", "ntio.driver_kit", "ntio.drivers", "ntio.win32", "ntio.testing")


def line_of(entry: str) -> int:
    """The number of the line of LAYERS that holds an entry, or -1."""
    return next((number for number, line in enumerate(LAYERS) if entry in line), -1)


def may_import(importer: str, target: str) -> bool:
    """Whether one entry of LAYERS may import from another."""
    above, below = line_of(importer), line_of(target)
    if importer == target or below < above:
        return True
    line = LAYERS[above]
    return below == above and above in ORDERED_LINES and line.index(target) < line.index(importer)


def unknown_entries(sources: Sources) -> list[str]:
    """Every top-level module or package has its place in LAYERS."""
    entries = {module.entry for module in sources.modules.values()}
    return [f"{entry} has no place in LAYERS" for entry in sorted(entries) if line_of(entry) < 0]


def absolute_imports(sources: Sources) -> list[str]:
    """The product names itself by relative imports only."""
    return [
        f"{module.name}:{found.line} imports {found.target} by its absolute name"
        for module in sources.modules.values()
        for found in sources.imports(module)
        if inside(found.target) and not found.relative
    ]


def upward_imports(sources: Sources) -> list[str]:
    """Imports of every kind go to the same entry or to a lower line."""
    return [
        f"{module.name}:{found.line} imports {found.target}, which is not below it ({found.kind} import)"
        for module in sources.modules.values()
        for found in sources.imports(module)
        if inside(found.target) and not may_import(module.entry, entry_of(found.target))
    ]


def machine_doors(sources: Sources) -> list[str]:
    """Up to the drivers, only the HAL imports what touches the machine, opens files or draws lots."""
    complaints = []
    for module in sources.modules.values():
        if line_of(module.entry) > DRIVERS_LINE or module.entry == "hal":
            continue
        banned = MACHINE - MACHINE_ALLOWED.get(module.entry, frozenset())
        for found in sources.imports(module):
            if found.target.split(".")[0] in banned or found.target == "numpy.random":
                complaints.append(f"{module.name}:{found.line} imports {found.target}; only hal may")
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in ("np.random", "numpy.random"):
                complaints.append(f"{module.name}:{node.lineno} uses {ast.unparse(node)}; only hal may")
    return complaints


def outside_imports(sources: Sources) -> list[str]:
    """What comes from outside the standard library is declared, and used where it was meant to be."""
    complaints = []
    for module in sources.modules.values():
        for found in sources.imports(module):
            top = found.target.split(".")[0]
            if inside(top) or top in sys.stdlib_module_names:
                continue
            if top not in OUTSIDE or (OUTSIDE[top] and module.entry not in OUTSIDE[top]):
                complaints.append(f"{module.name}:{found.line} imports {top}, which OUTSIDE does not allow there")
    return complaints


def driver_imports(sources: Sources) -> list[str]:
    """A driver imports from the product driver_kit, wdm and its own folder."""
    complaints = []
    for module in sources.modules.values():
        own = module.name.split(".")[:3]
        if own[:2] != [PACKAGE, "drivers"] or len(own) < 3:
            continue
        for found in sources.imports(module):
            allowed = entry_of(found.target) in ("driver_kit", "wdm") or found.target.split(".")[:3] == own
            if inside(found.target) and not allowed:
                complaints.append(f"{module.name}:{found.line} imports {found.target}; a driver has driver_kit and wdm")
    return complaints


def import_cycles(sources: Sources) -> list[str]:
    """No module needs itself to be loaded."""
    edges = {
        name: [i.target for i in sources.imports(module) if i.kind == "runtime" and i.target in sources.modules]
        for name, module in sources.modules.items()
    }
    done: set[str] = set()
    complaints: list[str] = []

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            complaints.append("a cycle: " + " -> ".join([*path[path.index(name) :], name]))
        elif name not in done:
            for target in edges[name]:
                visit(target, (*path, name))
            done.add(name)

    for name in sorted(edges):
        visit(name, ())
    return complaints


def unused_modules(sources: Sources) -> list[str]:
    """Every module is imported by another one, is found by name, or is reached from outside."""
    used: set[str] = set()
    for module in sources.modules.values():
        used |= {found.target for found in sources.imports(module) if inside(found.target)}
        used |= set(modules_named_in_strings(sources, module))
    used |= {".".join(name.split(".")[:depth]) for name in used for depth in range(1, name.count(".") + 1)}

    def reached(name: str) -> bool:
        return name in used or name == PACKAGE or any(name == e or name.startswith(f"{e}.") for e in ENTRIES[1:])

    return [f"{name} is imported by nothing" for name in sorted(sources.modules) if not reached(name)]


def modules_named_in_strings(sources: Sources, module: Module) -> Iterator[str]:
    """The modules that strings of a module name, for lazy imports; in the face the leading dot may be missing."""
    for node in ast.walk(module.tree):
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            continue
        text = node.value
        dotted = text.startswith((".", f"{PACKAGE}."))
        name = f"{PACKAGE}.{text.removeprefix(f'{PACKAGE}.').lstrip('.')}"
        for candidate in (name, f"{module.package}.{text.lstrip('.')}"):
            if candidate in sources.modules and candidate != module.name and (dotted or module.name == PACKAGE):
                yield candidate
