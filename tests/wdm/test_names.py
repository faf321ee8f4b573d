"""Every name of `ntio.wdm` is NT's, stands for something that names it, and is found by `ntio where`."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest

import ntio
from ntio import wdm
from ntio.cli.where import places, spellings

pytestmark = pytest.mark.row("R27")

CALLS = sorted(name for name in wdm.__all__ if inspect.isfunction(getattr(wdm, name)))
STRUCTURES = sorted(name for name in wdm.__all__ if isinstance(getattr(wdm, name), type))


def names_of(thing: Any) -> set[str]:
    """What an implementation's `NT:` line says it is."""
    docstring = inspect.getdoc(inspect.unwrap(thing)) or ""
    line = next((line for line in docstring.splitlines() if line.startswith("NT: ")), "")
    return {word.strip(",.()") for word in line.removeprefix("NT: ").split()}


@pytest.mark.parametrize("name", [*CALLS, *STRUCTURES])
def test_the_implementation_of_a_name_says_it(name: str) -> None:
    assert names_of(getattr(wdm, name)) & set(spellings(name)), names_of(getattr(wdm, name))


def test_there_are_the_calls_of_each_part() -> None:
    wanted = (
        "IoCallDriver", "IoAllocateIrp", "IoBuildSynchronousFsdRequest", "IoCsqInsertIrp", "IoStartPacket",
        "IoCreateDevice", "IoAcquireRemoveLock", "KeAcquireSpinLock", "KeInsertDeviceQueue", "IoAllocateMdl",
        "ObReferenceObjectByHandle", "SeAccessCheck", "ZwReadFile", "IoCreateNotificationEvent",
    )  # fmt: skip
    assert set(wanted) <= set(CALLS)


def test_where_finds_every_call() -> None:
    known = {name for place in places(Path(ntio.__file__).parent) for name in place.names}
    assert [name for name in CALLS if not known & set(spellings(name))] == []


def test_every_name_has_one_home() -> None:
    homes: dict[str, list[str]] = {}
    for place in ("irps", "devices", "kernel", "objects", "services", "structures", "macros"):
        for name in vars(importlib.import_module(f"ntio.wdm.{place}")):
            if name[0].isupper():
                homes.setdefault(name, []).append(place)
    assert {name: places for name, places in homes.items() if len(places) > 1} == {}


def test_numbers_are_flat() -> None:
    assert (wdm.STATUS_PENDING, wdm.IRP_MJ_PNP, wdm.SL_PENDING_RETURNED, wdm.DISPATCH_LEVEL) == (0x103, 0x1B, 1, 2)
    assert (wdm.DO_DIRECT_IO, wdm.FileStandardInformation, wdm.IO_SOUND_INCREMENT) == (0x10, 5, 8)
    assert not wdm.NT_SUCCESS(wdm.STATUS_BUFFER_OVERFLOW) and wdm.NT_WARNING(wdm.STATUS_BUFFER_OVERFLOW)


def test_a_star_import_brings_nt_names_only() -> None:
    namespace: dict[str, Any] = {}
    exec("from ntio.wdm import *", namespace)
    assert {name for name in namespace if not name[0].isupper()} == {"__builtins__"}
    assert not {"Any", "Final", "Hal", "BugCheck"} & namespace.keys()


def test_a_name_of_nobody_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="IoNothing"):
        _ = wdm.IoNothing
