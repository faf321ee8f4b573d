"""The device stacks of a System, as a request meets them: from the top down.

    System on uring
    ├─ stack of 1
    │    \\Driver\\host_files  \\Device\\HostFiles  network file system, 0 open
    └─ stack of 2
         \\Driver\\log         unnamed            filter, wants to see the data: handles read, ...
         \\Driver\\ram_disk    unnamed            disk, 65536 bytes, 1 open

Every device says what it is, and every filter whether it wants to see the data: that is what keeps reads and writes
from going straight to the host's file.

Source: spec iomgr.md 3.2, 6. Rows: R15, R29
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..driver_kit import DeviceObject, Driver
from ..io_manager.codes.device_codes import DEVICE_TYPE_NAMES
from ..io_manager.driver import DriverObject
from ..object_manager.namespace import Directory
from ..system.system import System


@dataclass(frozen=True)
class DeviceNode:
    """One device: its driver and name, its kind, its size in bytes (None without one), how many opens it counts, why
    reads and writes may not pass it by (empty when they may), and the last exception its driver let out.
    """

    driver: str
    device: str
    type: str
    filter: bool
    size: int | None
    stack_size: int
    open_files: int
    veto: str
    last_error: str


@dataclass(frozen=True)
class StackNode:
    """One stack of devices, top first."""

    devices: tuple[DeviceNode, ...]


@dataclass(frozen=True)
class DeviceTree:
    """Every stack of a System, and which HAL it runs on."""

    hal: str
    reason: str
    stacks: tuple[StackNode, ...]


def device_tree(system: System) -> DeviceTree:
    """The stacks of a System, by the name of their bottom driver.

    NT: !devstack
    """
    stacks = tuple(device_stack(device) for device in _bottom_devices(system))
    return DeviceTree(system.hal.name, system.hal.reason, stacks)


def device_stack(device: DeviceObject) -> StackNode:
    """The stack a device is in, top first.

    NT: !devstack
    """
    return StackNode(tuple(_node(each) for each in device.top().stack()))


def draw_device_tree(system: System) -> str:
    """The stacks of a System as text."""
    tree = device_tree(system)
    lines = [f"System on {tree.hal}"]
    rows = [(_driver_path(node), node.device or "unnamed") for stack in tree.stacks for node in stack.devices]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)] or [0, 0]
    for number, stack in enumerate(tree.stacks, 1):
        last = number == len(tree.stacks)
        lines.append(f"{'└─' if last else '├─'} stack of {len(stack.devices)}")
        for node in stack.devices:
            left = f"{_driver_path(node):<{widths[0]}}  {node.device or 'unnamed':<{widths[1]}}"
            lines.append(f"{' ' if last else '│'}    {left}  {_about(node)}")
    return "\n".join(lines)


def _bottom_devices(system: System) -> Iterator[DeviceObject]:
    drivers = system.namespace.find("\\Driver")
    assert isinstance(drivers, Directory)
    for driver in drivers:
        if isinstance(driver, DriverObject):
            yield from (device for device in reversed(list(driver.devices())) if device.lower is None)


def _node(device: DeviceObject) -> DeviceNode:
    code, error = device.driver.code, device.last_error
    return DeviceNode(
        driver=device.driver.name,
        device=device.path,
        type=DEVICE_TYPE_NAMES.get(device.device_type, f"type {device.device_type:#x}"),
        filter=device.lower is not None,
        size=code.device_size(device) if isinstance(code, Driver) and device.lower is None else None,
        stack_size=device.stack_size,
        open_files=device.reference_count,
        veto=device.observer or code.bypass_veto(device),
        last_error="" if error is None else f"{type(error).__name__}: {error}",
    )


def _driver_path(node: DeviceNode) -> str:
    return f"\\Driver\\{node.driver}"


def _about(node: DeviceNode) -> str:
    facts = ["filter" if node.filter else node.type]
    if node.size is not None:
        facts.append(f"{node.size:,} bytes")
    if not node.filter:
        facts.append(f"{node.open_files} open")
    if node.veto:
        facts.append("wants to see the data: " + node.veto.replace("dispatch_", ""))
    if node.last_error:
        facts.append(f"last error {node.last_error}")
    return ", ".join(facts)
