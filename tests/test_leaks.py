"""The leak check of this suite finds what it is for, and keeps quiet about what the collector takes away."""

from __future__ import annotations

import os
import sys
import threading
from types import ModuleType

import pytest

from leak_check import RING_MAPPING, Snapshot, leaks_since, mapped_rings
from uring_probe import why_not

needs_proc = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="this system does not list descriptors")


def test_nothing_is_found_where_nothing_was_left() -> None:
    assert leaks_since(Snapshot.take()) == []


@needs_proc
def test_an_open_descriptor_is_named_by_its_target() -> None:
    before = Snapshot.take()
    descriptor = os.open(os.devnull, os.O_RDONLY)
    try:
        assert leaks_since(before) == [f"descriptor {descriptor} -> /dev/null"]
    finally:
        os.close(descriptor)


@needs_proc
def test_a_descriptor_closed_behind_its_owner_is_named() -> None:
    descriptor = os.open(os.devnull, os.O_RDONLY)
    before = Snapshot.take()
    os.close(descriptor)
    assert leaks_since(before) == [f"descriptor {descriptor} -> /dev/null was closed, but not by its owner"]


@needs_proc
def test_what_only_a_dead_cycle_holds_is_no_leak() -> None:
    class Owner:
        def __init__(self) -> None:
            self.descriptor = os.open(os.devnull, os.O_RDONLY)
            self.cycle = self

        def __del__(self) -> None:
            os.close(self.descriptor)

    before = Snapshot.take()
    Owner()
    assert leaks_since(before) == []


def test_a_running_thread_is_named() -> None:
    release = threading.Event()
    before = Snapshot.take()
    thread = threading.Thread(target=release.wait, name="left running")
    thread.start()
    try:
        assert leaks_since(before) == ["thread 'left running'"]
    finally:
        release.set()
        thread.join()
    assert leaks_since(before) == []


def test_a_live_request_is_named_if_the_test_kit_can_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    kit = ModuleType("ntio.testing")
    kit.live_irps = lambda: ["IRP_MJ_READ held by log"]  # type: ignore[attr-defined]
    before = Snapshot.take()
    monkeypatch.setitem(sys.modules, "ntio.testing", kit)
    assert leaks_since(before) == ["request IRP_MJ_READ held by log"]


def test_a_mapped_ring_is_told_from_other_mappings() -> None:
    ring = f"7f2a1c000000-7f2a1c001000 rw-s 00000000 00:0e 1043   {RING_MAPPING}"
    assert mapped_rings(["7f2a1c001000-7f2a1c002000 r--p 00000000 fe:00 77 /usr/lib/libc.so.6", ring]) == [ring]


def test_io_uring_is_left_out_where_another_hal_was_chosen() -> None:
    assert why_not("uring", "threads") == "NTIO_HAL=threads"
    assert why_not("threads", "simulated") == ""
    assert why_not("simulated", None) == ""
