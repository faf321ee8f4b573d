"""Group E, seen from the services: cancelling by file and by request."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ntio import System
from ntio.abi import CTL_CODE, METHOD_BUFFERED
from ntio.driver_kit import PENDING, DeviceObject, Irp, set_cancel_routine
from ntio.io_manager import services
from ntio.io_manager.io_status import IoStatusBlock
from ntio.status import STATUS_CANCELLED, STATUS_NOT_FOUND, STATUS_PENDING, STATUS_SUCCESS
from service_bench import ServiceBench, Told, short

Observed = Callable[[str], None]


class Keeper(Told):
    """Keeps every control request until it is cancelled."""

    def __init__(self) -> None:
        super().__init__(self._keep)
        self.cancelled = 0

    def _keep(self, device: DeviceObject, irp: Irp) -> int:
        irp.mark_pending()
        set_cancel_routine(irp, self._cancel)
        return PENDING

    def _cancel(self, device: DeviceObject, irp: Irp) -> None:
        self.cancelled += 1
        irp.complete(STATUS_CANCELLED)


@pytest.mark.row("R13", "R31")
def test_case_61_cancel_by_file_and_by_request(system: System, observed: Observed) -> None:
    """Two pended control requests, CancelIo(handle): both routines run. Two more, CancelIoEx(one): one runs."""
    driver, code, seen = Keeper(), CTL_CODE(0x22, 0x800, METHOD_BUFFERED, 0), []
    with ServiceBench(system, driver) as bench:
        file, done = bench.open(synchronous=False), IoStatusBlock()

        def two() -> list[IoStatusBlock]:
            driver.cancelled, blocks = 0, [IoStatusBlock(STATUS_PENDING), IoStatusBlock(STATUS_PENDING)]
            for block in blocks:
                assert services.device_control(file, None, None, None, block, code) == STATUS_PENDING
            return blocks

        blocks = two()
        assert services.cancel_io(file, done) == STATUS_SUCCESS
        assert (driver.cancelled, [block.status for block in blocks]) == (2, [STATUS_CANCELLED] * 2)
        seen.append(f"CancelIo: {driver.cancelled}")
        first, second = two()
        assert services.cancel_io_ex(file, first, done) == STATUS_SUCCESS
        assert (driver.cancelled, first.status, second.status) == (1, STATUS_CANCELLED, STATUS_PENDING)
        seen.append(f"CancelIoEx: {driver.cancelled}")
        assert services.cancel_io_ex(file, first, done) == STATUS_NOT_FOUND
        assert services.cancel_io_ex(file, second, done) == STATUS_SUCCESS
        assert (driver.cancelled, second.status) == (2, STATUS_CANCELLED)
        seen.append(f"again {short(STATUS_NOT_FOUND)}")
    observed("; ".join(seen))
