"""What the I/O manager tells the verifier, when there is one.

The verifier is a layer above; here stands only what is asked of it. It gives the pool that makes packets and exchanges
the tables of drivers, and after that packets and tables do the checking. Of devices and drivers it is told.

Rows: R22
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .device import DeviceObject
    from .driver import DriverObject
    from .manager import IoManager
    from .packet.irp_pool import IrpPool


class Checks(Protocol):
    """A verifier, as the I/O manager sees it."""

    def attach(self, io: IoManager, *pool_arguments: Any, **pool_options: Any) -> IrpPool:
        """Belong to this I/O manager; returns the pool for its packets, made with these arguments."""

    def tables(self, driver: DriverObject) -> None:
        """Put checks in front of a driver's routines; its tables are filled."""

    def added(self, device: DeviceObject) -> None:
        """A driver's AddDevice routine has returned this device."""

    def detaching(self, device: DeviceObject) -> None:
        """A device is about to be detached."""

    def deleting(self, device: DeviceObject) -> None:
        """A device is about to be deleted."""

    def unloading(self, driver: DriverObject) -> None:
        """A driver's unload routine has run."""
