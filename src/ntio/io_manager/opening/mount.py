r"""Volumes: which file system a disk's files belong to, found out when the first of them is opened.

    open \Device\Disk\file  ->  its VPB says that nothing is mounted  ->  mount, then go on with the volume's device

Mounting asks the registered file systems of the disk's kind in turn, newest first: IRP_MN_MOUNT_VOLUME to the top of
each one's stack, with the VPB and the top of the disk's stack. The first that knows the volume makes a device for it
and puts it into the VPB. STATUS_UNRECOGNIZED_VOLUME sends the question on; STATUS_FS_DRIVER_REQUIRED, the answer of a
recogniser, has it load its file system, and the list is asked again from its head, as it is when somebody registered
meanwhile.

Last comes the raw file system, for an open of the disk as a whole only. It is built in and has no device of its own:
the volume is the disk's stack itself, so that reading a bare disk costs nothing more. It lets go of the disk with the
last open.

Whoever opens files of a disk that is being mounted waits for the one mount, under the device's lock.

Source: spec iomgr.md 3.3, 1.3; learn.microsoft.com ntifs.h, IoRegisterFileSystem, IoVerifyVolume. Rows: R20
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from ...status import (
    STATUS_ACCESS_DENIED,
    STATUS_DEVICE_DOES_NOT_EXIST,
    STATUS_FS_DRIVER_REQUIRED,
    STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS,
    STATUS_UNRECOGNIZED_VOLUME,
    STATUS_WRONG_VOLUME,
    error_for,
    nt_success,
)
from .. import requests
from ..codes.device_codes import (
    DO_DEVICE_INITIALIZING,
    DO_LOW_PRIORITY_FILESYSTEM,
    DO_VERIFY_VOLUME,
    FILE_DEVICE_CD_ROM,
    FILE_DEVICE_CD_ROM_FILE_SYSTEM,
    FILE_DEVICE_DISK,
    FILE_DEVICE_DISK_FILE_SYSTEM,
    FILE_DEVICE_NETWORK_FILE_SYSTEM,
    FILE_DEVICE_TAPE,
    FILE_DEVICE_TAPE_FILE_SYSTEM,
    FILE_DEVICE_VIRTUAL_DISK,
    VPB_LOCKED,
    VPB_MOUNTED,
    VPB_RAW_MOUNT,
    VPB_REMOVE_PENDING,
)
from ..codes.file_codes import SL_ALLOW_RAW_MOUNT
from ..codes.major import IRP_MJ_FILE_SYSTEM_CONTROL, IRP_MOUNT_COMPLETION, IRP_SYNCHRONOUS_PAGING_IO
from ..codes.minor_codes import IRP_MN_LOAD_FILE_SYSTEM, IRP_MN_MOUNT_VOLUME, IRP_MN_VERIFY_VOLUME
from .vpb import Vpb

if TYPE_CHECKING:
    from ..device import DeviceObject
    from ..manager import IoManager

#: Which file systems are asked about which kind of device.
_MOUNTED_BY: Final = {
    FILE_DEVICE_DISK: FILE_DEVICE_DISK_FILE_SYSTEM,
    FILE_DEVICE_VIRTUAL_DISK: FILE_DEVICE_DISK_FILE_SYSTEM,
    FILE_DEVICE_CD_ROM: FILE_DEVICE_CD_ROM_FILE_SYSTEM,
    FILE_DEVICE_TAPE: FILE_DEVICE_TAPE_FILE_SYSTEM,
}
_USABLE: Final = VPB_MOUNTED | VPB_LOCKED | VPB_REMOVE_PENDING | VPB_RAW_MOUNT
_KINDS: Final = (*sorted(set(_MOUNTED_BY.values())), FILE_DEVICE_NETWORK_FILE_SYSTEM)

#: What is told when a file system comes (True) or goes (False).
ChangeRoutine = Callable[["DeviceObject", bool], object]


class FileSystems:
    """The registered file systems of one System, by kind, in the order in which they are asked.

    NT: IopDiskFileSystemQueueHead and the like
    """

    def __init__(self, io: IoManager) -> None:
        self._lock = io.hal.new_lock()
        self._queues: dict[int, tuple[DeviceObject, ...]] = dict.fromkeys(_KINDS, ())
        self._watchers: list[ChangeRoutine] = []
        #: Counts registrations and their ends: a mount that sees it change starts again.
        self.changes = 0

    def register(self, device: DeviceObject) -> None:
        """Have a file system asked about volumes; `device` is its control device, of one of the file-system types.

        It is asked first, or last if it has DO_LOW_PRIORITY_FILESYSTEM. Raises InvalidParameter for another type.
        NT: IoRegisterFileSystem
        """
        if device.device_type not in self._queues:
            raise error_for(STATUS_INVALID_PARAMETER, f"{device!r} is no file system's control device")
        with self._lock:
            queue = self._queues[device.device_type]
            last = device.flags & DO_LOW_PRIORITY_FILESYSTEM
            self._queues[device.device_type] = (*queue, device) if last else (device, *queue)
            device.reference_count += 1
            self.changes += 1
        device.flags &= ~DO_DEVICE_INITIALIZING
        self._tell(device, True)

    def unregister(self, device: DeviceObject) -> None:
        """Stop asking a file system; what it has mounted stays mounted.

        NT: IoUnregisterFileSystem
        """
        with self._lock:
            queue = self._queues.get(device.device_type, ())
            if device not in queue:
                return
            self._queues[device.device_type] = tuple(one for one in queue if one is not device)
            device.reference_count -= 1
            self.changes += 1
        self._tell(device, False)

    def watch(self, routine: ChangeRoutine) -> None:
        """Have `routine(device, active)` told of every file system that comes or goes, and of those that are there.

        NT: IoRegisterFsRegistrationChange
        """
        with self._lock:
            self._watchers.append(routine)
            present = [device for kind in _KINDS for device in reversed(self._queues[kind])]
        for device in present:
            routine(device, True)

    def unwatch(self, routine: ChangeRoutine) -> None:
        """Tell a routine no more.

        NT: IoUnregisterFsRegistrationChange
        """
        with self._lock:
            self._watchers.remove(routine)

    def asked_about(self, device: DeviceObject) -> tuple[DeviceObject, ...]:
        """The file systems for a device's kind, in the order they are asked."""
        return self._queues[_MOUNTED_BY[device.device_type]]

    def _tell(self, device: DeviceObject, active: bool) -> None:
        for routine in list(self._watchers):
            routine(device, active)


def hold_volume(device: DeviceObject, *, bare: bool) -> Vpb:
    """The volume on a device, mounted now if it is not, with one open more counted; raises NtError.

    `bare` says that the device as a whole is opened, which the raw file system will do for any.
    NT: IopCheckVpbMounted
    """
    counts, vpb = device.driver.io.irps.lock, _vpb_of(device)
    with counts:  # the usual cases: it is mounted, or there is nobody to ask; nothing is to be waited for
        usable = vpb.flags & _USABLE == VPB_MOUNTED or (bare and vpb.flags & _USABLE == VPB_MOUNTED | VPB_RAW_MOUNT)
        if usable and not _left(vpb):
            vpb.reference_count += 1
            return vpb
        if bare and not vpb.flags & _USABLE and not device.driver.io.file_systems.asked_about(device):
            _mount_raw(device, vpb)
            vpb.reference_count += 1
            return vpb
    with _locked(device):
        status = _mount(device, allow_raw=bare)
        vpb = _vpb_of(device)
        if nt_success(status) and vpb.flags & VPB_LOCKED:
            status = STATUS_ACCESS_DENIED
        elif nt_success(status) and vpb.flags & VPB_RAW_MOUNT and not bare:
            status = STATUS_INVALID_PARAMETER
        if not nt_success(status):
            raise error_for(status, f"no volume of {device!r} can be used")
        with counts:
            vpb.reference_count += 1
    return vpb


def release_volume(device: DeviceObject, vpb: Vpb) -> None:
    """Undo one `hold_volume`; the raw file system lets go of a disk that nobody has open.

    NT: IopDereferenceVpb
    """
    with device.driver.io.irps.lock:
        vpb.reference_count -= 1
        if not vpb.reference_count and vpb.flags & VPB_RAW_MOUNT:
            vpb.flags &= ~(VPB_MOUNTED | VPB_RAW_MOUNT)
            vpb.device = None


def verify_volume(device: DeviceObject, *, allow_raw: bool = False) -> int:
    """Ask the file system whether its volume is still the one in the device; mount what is there if it is not.

    Returns STATUS_WRONG_VOLUME when the volume is another one, which is then mounted if any file system knows it: files
    of the former one stay with the former VPB.
    NT: IoVerifyVolume
    """
    with _locked(device):
        vpb, status = _vpb_of(device), STATUS_WRONG_VOLUME
        if vpb.flags & VPB_MOUNTED and vpb.device is not None:
            flags = SL_ALLOW_RAW_MOUNT if allow_raw else 0
            status = _ask(vpb.device, IRP_MN_VERIFY_VOLUME, vpb, vpb.device, flags) if vpb.device is not device else 0
        if status == STATUS_WRONG_VOLUME:
            if vpb.flags & VPB_MOUNTED:
                device.vpb = Vpb(device)
            _mount(device, allow_raw=allow_raw)
        device.flags &= ~DO_VERIFY_VOLUME
    return status


def _left(vpb: Vpb) -> bool:
    """Whether the file system that mounted a volume has been taken away together with the volume's device."""
    return vpb.device is not None and vpb.device is not vpb.real_device and vpb.device.gone


def _vpb_of(device: DeviceObject) -> Vpb:
    vpb = device.vpb
    assert vpb is not None  # of a device type that volumes are mounted on
    return vpb


def _mount(device: DeviceObject, *, allow_raw: bool) -> int:
    """Mount the volume of a device whose lock is held, unless it is mounted.

    NT: IopMountVolume
    """
    vpb, systems = _vpb_of(device), device.driver.io.file_systems
    if vpb.flags & VPB_REMOVE_PENDING:
        return STATUS_DEVICE_DOES_NOT_EXIST
    if vpb.flags & VPB_MOUNTED and not _left(vpb):
        return STATUS_SUCCESS
    if vpb.flags & VPB_MOUNTED:
        device.vpb = vpb = Vpb(device)
    device.flags &= ~DO_VERIFY_VOLUME
    storage, loaded, changes = device.top(), set[int](), -1
    status = STATUS_UNRECOGNIZED_VOLUME
    while changes != systems.changes:
        changes = systems.changes
        for control in systems.asked_about(device):
            if control.gone:
                continue
            status = _ask(control, IRP_MN_MOUNT_VOLUME, vpb, storage)
            if nt_success(status):
                return _mounted(vpb, storage)
            if status == STATUS_FS_DRIVER_REQUIRED and id(control) not in loaded:
                loaded.add(id(control))
                _ask(control, IRP_MN_LOAD_FILE_SYSTEM)
                changes = -1
            if changes != systems.changes:
                break
    if not allow_raw:
        return STATUS_UNRECOGNIZED_VOLUME if status == STATUS_FS_DRIVER_REQUIRED else status
    return _mount_raw(device, vpb)


def _mount_raw(device: DeviceObject, vpb: Vpb) -> int:
    vpb.flags |= VPB_MOUNTED | VPB_RAW_MOUNT
    vpb.device = device
    return STATUS_SUCCESS


def _mounted(vpb: Vpb, storage: DeviceObject) -> int:
    if vpb.device is None:  # said it had mounted the volume, and made no device for it
        return STATUS_UNRECOGNIZED_VOLUME
    vpb.flags |= VPB_MOUNTED
    vpb.device.flags &= ~DO_DEVICE_INITIALIZING
    vpb.device.stack_size = storage.stack_size + 1
    storage.driver.io.stack_epoch += 1
    return STATUS_SUCCESS


def _ask(
    control: DeviceObject, minor: int, vpb: Vpb | None = None, target: DeviceObject | None = None, flags: int = 0
) -> int:
    """Send a file system's stack one request about a volume; its status."""
    top = control.top()
    above = sum(1 for _ in top.stack())
    size = top.stack_size if minor == IRP_MN_LOAD_FILE_SYSTEM or target is None else target.stack_size + above
    irp = control.driver.io.irps.allocate(max(size, top.stack_size))
    irp.flags = IRP_MOUNT_COMPLETION | IRP_SYNCHRONOUS_PAGING_IO
    first: Any = irp.next_location
    first.major, first.minor, first.flags = IRP_MJ_FILE_SYSTEM_CONTROL, minor, flags
    if vpb is not None:
        first.length, first.key = vpb, target  # Parameters.MountVolume.Vpb and .DeviceObject
    return requests.send(top, irp)[0]


@contextmanager
def _locked(device: DeviceObject) -> Iterator[None]:
    """Hold a device's lock: one mount at a time, the others wait for it."""
    io, lock = device.driver.io, device.device_lock
    assert lock is not None  # every device with a VPB has one
    with io.wait_for(lock):
        lock.wait()
    io.check_running()
    try:
        yield
    finally:
        lock.set()
