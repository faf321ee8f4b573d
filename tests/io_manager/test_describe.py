"""A packet drawn for a person says what it is, where it is, what each driver was asked, and what will run."""

from __future__ import annotations

import pytest

from ntio import System
from ntio.io_manager.codes import major as m
from ntio.io_manager.opening.create_parameters import CreateParameters
from ntio.io_manager.packet.describe import arguments_of, flag_names, invoke_names
from ntio.io_manager.packet.irp import StackLocation

pytestmark = pytest.mark.row("R13")


def location(major: int, **fields: object) -> StackLocation:
    one = StackLocation()
    one.major = major
    for name, value in fields.items():
        setattr(one, name, value)
    return one


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (location(m.IRP_MJ_READ, length=512, byte_offset=1024), "length 512, offset 1024"),
        (location(m.IRP_MJ_WRITE, length=1, key=0x10), "length 1, offset 0, key 0x10"),
        (location(m.IRP_MJ_DEVICE_CONTROL, byte_offset=0x222000, key=3, length=7), "code 0x222000, 3 bytes in, 7 out"),
        (location(m.IRP_MJ_QUERY_INFORMATION, length=24, argument=5), "length 24, argument 5"),
        (location(m.IRP_MJ_FLUSH_BUFFERS), ""),
        (location(m.IRP_MJ_CREATE), ""),
    ],
)
def test_a_location_says_what_it_asks_for(asked: StackLocation, text: str) -> None:
    assert arguments_of(asked) == text


def test_an_open_shows_how() -> None:
    assert "disposition=1" in arguments_of(location(m.IRP_MJ_CREATE, argument=CreateParameters()))


def test_flags_have_their_names() -> None:
    assert flag_names(m.IRP_READ_OPERATION | m.IRP_PAGING_IO | 1 << 30) == [
        "PAGING_IO",
        "READ_OPERATION",
        "0x40000000",
    ]
    assert invoke_names(m.SL_INVOKE_ON_ERROR | m.SL_PENDING_RETURNED) == ["error"]


def test_the_head_says_where_it_is_and_in_which_state(system: System) -> None:
    irp = system.io.irps.allocate(2)
    irp.flags, irp.buffer, irp.cancel, irp.pending_returned = m.IRP_WRITE_OPERATION, memoryview(bytes(8)), True, True
    head, *_ = irp.describe().splitlines()
    assert head.endswith("with its creator; flags WRITE_OPERATION; 8 bytes; pending below; cancelled")
    irp.current_location = 4
    assert "information 0, completed;" in irp.describe()
    system.io.irps.free(irp)


def test_a_routine_says_when_it_runs(system: System) -> None:
    def done(device: object, irp: object, context: object) -> None:
        """Nothing to do."""

    irp = system.io.irps.allocate(1)
    irp.set_completion_routine(done, None, m.SL_INVOKE_ON_ERROR | m.SL_INVOKE_ON_CANCEL)
    assert "done on error or cancel" in irp.describe()
    irp.locations[0].control |= m.SL_PENDING_RETURNED | m.SL_ERROR_RETURNED
    assert "  pending  error  " in irp.describe()
    system.io.irps.free(irp)
