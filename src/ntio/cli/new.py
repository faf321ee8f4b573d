"""`ntio new filter NAME`: the beginnings of a filter: its code, its page and its test, in a folder of its own.

    NAME/__init__.py     the filter, in scalar and in batch form
    NAME/README.md       its page
    NAME/test_NAME.py    the law every filter keeps, and one test of what this one does

The test passes as it stands, with `pytest NAME`. Nothing that exists is overwritten.
"""

from __future__ import annotations

import argparse
import keyword
import os
import re
import sys
from string import Template

from . import new_filter
from .output import CommandError, UsageError, print_json

#: Names that a module of one's own would hide from everybody else.
_TAKEN = frozenset(sys.stdlib_module_names) | {"ntio", "numpy", "pytest", "hypothesis", "conftest"}
#: Names the filter's code uses itself.
_USED = frozenset(("DeviceObject", "FilterDriver", "Irp", "Bytes", "RamDisk", "FilterTests"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the subcommand takes."""
    parser.add_argument("kind", choices=["filter"], help="what to write")
    parser.add_argument("name", help="its name, such as count_reads or CountReads")
    parser.add_argument("--directory", default=".", metavar="D", help="where to put its folder (here)")


def run(arguments: argparse.Namespace) -> int:
    """Write the three files; raises UsageError for a bad name, CommandError when something is there already."""
    module, kind = _names(arguments.name)
    folder = os.path.join(arguments.directory, module)
    texts = {
        "__init__.py": new_filter.CODE,
        "README.md": new_filter.PAGE,
        f"test_{module}.py": new_filter.TEST,
    }
    if not os.path.isdir(arguments.directory):
        raise CommandError(f"there is no folder {arguments.directory!r}")
    try:
        os.mkdir(folder)
    except FileExistsError:
        raise CommandError(f"{folder} is there already; nothing was written") from None
    written = []
    for name, text in texts.items():
        path = os.path.join(folder, name)
        with open(path, "x", encoding="utf-8") as file:
            file.write(Template(text).substitute(module=module, kind=kind, title=kind))
        written.append(path)
    if arguments.json:
        print_json({"kind": arguments.kind, "module": module, "class": kind, "files": written})
    else:
        print("\n".join(f"wrote {path}" for path in written))
        print(f"try it: {os.path.basename(sys.executable)} -m pytest {folder}")
    return 0


def _names(given: str) -> tuple[str, str]:
    """The module's and the class's name: count_reads and CountReads, whichever of the two was given."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", given):
        raise UsageError(f"{given!r} is no name for a filter: use letters, digits and _, a letter first")
    module = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", given).lower()
    kind = "".join(part[:1].upper() + part[1:] for part in module.split("_"))
    reserved = keyword.iskeyword(module) or keyword.issoftkeyword(module)
    if reserved or module in _TAKEN or kind in _USED:
        raise UsageError(f"{given!r} has a meaning in Python already: choose another name")
    return module, kind
