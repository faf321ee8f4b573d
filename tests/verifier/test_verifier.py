"""The verifier itself: good drivers pass, breaches are kept or ignored on request; off, nothing of it is there."""

from __future__ import annotations

import numpy as np
import pytest

import ntio
from bad_drivers import SIZE, ClaimsTooManyBytes, HidesAnError, Raises
from model_filters import Base, Keeper, Later, Looker, Raw, Skip, Xor, XorRows
from ntio.drivers.ram_disk import RamDisk
from ntio.io_manager.codes.major import IRP_MJ_READ
from ntio.io_manager.packet.irp import MORE_PROCESSING_REQUIRED, Irp
from ntio.status import STATUS_DRIVER_INTERNAL_ERROR, STATUS_END_OF_FILE, NtError
from ntio.system.default import new_system
from ntio.verifier import rules
from ntio.verifier.checked_irp import CheckedIrp
from ntio.verifier.checked_table import CheckedDispatch

pytestmark = pytest.mark.row("R19", "R22")


def test_good_drivers_of_every_style_pass(hal_name: str) -> None:
    verifier = ntio.Verifier()
    layers = [Xor(3), XorRows(9), Base(0), Raw(), Looker(), Skip(), Later(), Keeper()]
    with ntio.System(hal_name, verify=verifier) as system, ntio.Stack(RamDisk(SIZE), *layers, system=system) as stack:
        data = np.arange(SIZE, dtype=np.uint16).astype(np.uint8).tobytes()
        assert stack.write(data, 0) == SIZE
        assert stack.read(SIZE, 0) == data
        stack.flush()
        with ntio.Ring(8, system=system) as ring:
            done = ring.read(stack.file, [0, 100, SIZE], 64)
            assert done.data is not None
            assert done.data[1].tobytes() == data[100:164] and done.status[2] == STATUS_END_OF_FILE
            assert ring.start_write(stack.file, 0, [b"new"]).wait().information.tolist() == [3]
    assert verifier.violations == []


def test_a_packet_of_ones_own_may_be_sent_again_and_again(hal_name: str) -> None:
    with ntio.System(hal_name, verify=True) as system, ntio.Stack(RamDisk(SIZE), Raw(), system=system) as stack:
        top = stack.file.file_object.related_device()
        irp = system.io.irps.allocate_for_driver(top.stack_size)
        for reuse in (True, False, True):
            irp.next_location.major = IRP_MJ_READ
            irp.next_location.length, irp.buffer = 8, memoryview(bytearray(8))
            irp.set_completion_routine(lambda device, irp, context: MORE_PROCESSING_REQUIRED)
            assert irp.send_to(top) == 0 and irp.information == 8
            if reuse:
                irp.reuse()
        system.io.irps.free(irp)


def test_what_is_collected_does_not_stop_the_system() -> None:
    verifier = ntio.Verifier(collect=True)
    with ntio.Stack(RamDisk(SIZE), ClaimsTooManyBytes(), verify=verifier, hal="simulated") as stack:
        stack.file.read_into(bytearray(8), 0)
        stack.file.read_into(bytearray(8), 0)
        assert stack.system.io.bug_check is None
    assert [check.parameters[0] for check in verifier.violations] == [0x312, 0x312]


@pytest.mark.stops_system
def test_what_nothing_can_follow_upon_stops_it_even_then() -> None:
    verifier = ntio.Verifier(collect=True)
    system = ntio.System("simulated", verify=verifier)
    with pytest.raises(ntio.BugCheck) as caught, ntio.Stack(RamDisk(SIZE), Raises(), system=system) as stack:
        stack.read(8, 0)
    assert isinstance(caught.value.__cause__, KeyError)
    assert system.io.bug_check is caught.value
    system.close()


def test_an_ignored_rule_does_not_count() -> None:
    verifier = ntio.Verifier(ignore=[rules.WRONG_STATUS])
    stack = ntio.Stack(RamDisk(SIZE), HidesAnError(), verify=verifier, hal="simulated")
    with stack, pytest.raises(NtError):
        stack.file.write(b"12345678", SIZE)
    assert verifier.violations == []


def test_a_verifier_belongs_to_one_system() -> None:
    verifier = ntio.Verifier()
    with ntio.System("simulated", verify=verifier), pytest.raises(ValueError, match="another"):
        ntio.System("simulated", verify=verifier)


def test_without_it_nothing_of_it_is_there() -> None:
    with ntio.Stack(RamDisk(SIZE), Raises(), hal="simulated") as stack:
        io = stack.system.io
        assert io.checks is None
        assert not any(isinstance(routine, CheckedDispatch) for routine in stack.device.dispatch)
        irp = io.irps.allocate(1)
        assert type(irp) is Irp
        io.irps.free(irp)
        with pytest.raises(NtError) as caught:
            stack.read(8, 0)
        assert caught.value.status == STATUS_DRIVER_INTERNAL_ERROR


@pytest.mark.parametrize(("value", "on"), [("1", True), ("0", False), ("", False)])
def test_the_environment_switches_it_on(value: str, on: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NTIO_HAL", "simulated")
    monkeypatch.setenv("NTIO_VERIFY", value)
    with new_system() as system:
        assert (system.verifier is not None) is on
        irp = system.io.irps.allocate(1)
        assert isinstance(irp, CheckedIrp) is on
        irp.pool.free(irp)
