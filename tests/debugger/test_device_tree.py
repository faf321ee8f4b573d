"""The device tree shows every stack of a System, top first, and what keeps data from passing a device by."""

from __future__ import annotations

import re

import pytest

from ntio import Driver, Irp, NtError, Stack, System
from ntio.debugger.device_tree import device_stack, device_tree, draw_device_tree

pytestmark = pytest.mark.row("R15")


def test_a_stack_is_drawn_from_the_top(system: System) -> None:
    with Stack("ram_disk:size=64K,name=Disk0", "null_filter", "log", system=system):
        lines = draw_device_tree(system).splitlines()
    assert lines[0] == f"System on {system.hal.name}"
    assert [re.split(" {2,}", line.strip(" │├└─")) for line in lines[1:]] == [
        ["stack of 1"],
        ["\\Driver\\host_files", "\\Device\\HostFiles", "network file system, 0 open"],
        ["stack of 3"],
        [
            "\\Driver\\log",
            "unnamed",
            "filter, wants to see the data: handles read, write, flush_buffers, read_batch, write_batch",
        ],
        ["\\Driver\\null_filter", "unnamed", "filter"],
        ["\\Driver\\ram_disk", "\\Device\\Disk0", "disk, 65,536 bytes, 1 open"],
    ]


def test_a_system_has_its_stacks_in_the_order_of_their_bottom_drivers(system: System) -> None:
    with Stack("ram_disk:size=1K", system=system), Stack("ram_disk:size=2K", "log", system=system) as second:
        tree = device_tree(system)
        assert (tree.hal, tree.reason) == (system.hal.name, system.hal.reason)
        assert [[node.driver for node in stack.devices] for stack in tree.stacks] == [
            ["host_files"], ["ram_disk"], ["log", "ram_disk#2"]
        ]  # fmt: skip
        assert device_stack(second.device.bottom()) == tree.stacks[2]
        assert [node.size for node in tree.stacks[2].devices] == [None, 2048]
        assert [node.stack_size for node in tree.stacks[2].devices] == [2, 1]


def test_the_last_error_of_a_driver_is_shown(system: System) -> None:
    class Broken(Driver):
        def dispatch_read(self, device: object, irp: Irp) -> int:
            raise KeyError("gone")

    with Stack(Broken(), system=system) as stack:
        with pytest.raises(NtError):
            stack.read(1, 0)
        assert device_stack(stack.device).devices[0].last_error == "KeyError: 'gone'"
        assert "last error KeyError: 'gone'" in draw_device_tree(system)
