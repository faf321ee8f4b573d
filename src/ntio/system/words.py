"""Drivers by word: `ram_disk:size=1G` is `RamDisk(size=1 << 30)`.

    name[:key=value[,key=value]...]

A name is a folder of `ntio.drivers`, or an entry point of the group `ntio.drivers`. Values are turned into what the
driver's constructor says it takes: whole numbers may carry K, M, G or T (times 1024), seconds may carry us, ms or s,
true and false may be left out (`file_disk:path=/x,read_only`).
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import re
import typing
from typing import Any

from .. import drivers
from ..driver_kit import Driver
from ..status import InvalidParameter

_SIZE = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SECONDS = {"": 1.0, "s": 1.0, "ms": 1e-3, "us": 1e-6}


def driver_name(kind: type[Driver]) -> str:
    """The name of a driver class in words: RamDisk is ram_disk."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind.__name__).lower()


def make_driver(word: str) -> Driver:
    """The driver a word describes; raises InvalidParameter that names what is wrong with it."""
    name, _, rest = word.partition(":")
    kind = find_driver(name)
    signature = inspect.signature(kind)
    hints = typing.get_type_hints(kind.__init__)
    arguments: dict[str, Any] = {}
    for pair in filter(None, rest.split(",")):
        key, given, value = pair.partition("=")
        if key not in signature.parameters:
            known = ", ".join(signature.parameters) or "none"
            raise InvalidParameter(f"{name} takes no parameter {key!r}; it takes: {known}")
        arguments[key] = parse_value(f"{name}: {key}", value if given else "true", hints.get(key, str))
    try:
        return kind(**arguments)
    except (MemoryError, OverflowError, TypeError, ValueError) as error:
        raise InvalidParameter(f"{word}: {error}") from error


def find_driver(name: str) -> type[Driver]:
    """The driver class of that name; raises InvalidParameter when there is none."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise InvalidParameter(f"{name!r} is not the name of a driver")
    try:
        module = importlib.import_module(f"{drivers.__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{drivers.__name__}.{name}":
            raise
        return _find_entry_point(name)
    for kind in vars(module).values():
        if isinstance(kind, type) and issubclass(kind, Driver) and driver_name(kind) == name:
            return kind
    raise InvalidParameter(f"the folder of driver {name!r} holds no class of that name")


def _find_entry_point(name: str) -> type[Driver]:
    for point in importlib.metadata.entry_points(group="ntio.drivers"):
        if point.name == name:
            kind: type[Driver] = point.load()
            return kind
    raise InvalidParameter(f"no driver is called {name!r}")


def parse_value(where: str, text: str, kind: Any) -> Any:
    """A parameter's text as its constructor wants it; raises InvalidParameter."""
    wanted = [one for one in typing.get_args(kind) if one is not type(None)] or [kind]
    try:
        if bool in wanted:
            return {"true": True, "false": False}[text.lower()]
        if int in wanted:
            return parse_size(text)
        if float in wanted:
            return _with_unit(text, _SECONDS)
    except (KeyError, ValueError):
        names = " or ".join(getattr(one, "__name__", str(one)) for one in wanted)
        raise InvalidParameter(f"{where}: {text!r} is no {names}") from None
    if str in wanted:
        return text
    raise InvalidParameter(f"{where} cannot be given as a word: build the driver in Python")


def parse_size(text: str) -> int:
    """A number of bytes such as 512, 64K or 1.5G; raises ValueError."""
    return round(_with_unit(text, _SIZE))


def _with_unit(text: str, units: dict[str, Any]) -> float:
    match = re.fullmatch(r"(-?\d+(?:\.\d+)?)\s*([a-zA-Z]*)", text.strip())
    if match is None:
        raise ValueError(text)
    return float(match[1]) * float(units[match[2].lower()])
