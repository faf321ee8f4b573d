r"""Opening a file: from a name to a file object.

    1. look the path up          the namespace follows symbolic links and stops at a device; a relative name starts at
                                 the device of the file it is relative to
    2. reference the device      it must have left initialization, must not be on its way out, and an exclusive device
                                 must not be open
    3. check access              the device's security descriptor against the caller's token, in user mode only: the
                                 wanted access for the bare device, or for all names on it with FILE_DEVICE_SECURE_OPEN;
                                 the right to traverse for other names on it
    4. hold the volume           mounted now if it is not; an open that only looks at the bare device does without
    5. make the file object      with what is left of the name, for the driver to understand
    6. send IRP_MJ_CREATE        to the top of the volume's stack; the driver keeps what it needs in `fs_context`
    7. success: a file object    failure: the driver's status, nothing is left behind     STATUS_REPARSE: once more from
                                 step 1, with the name the driver put in the place of this one

Host files are opened the same way: `\Device\HostFiles` is a device like any other, without a volume, and the path is
the rest of the name.

Source: spec iomgr.md 3.5; learn.microsoft.com NtCreateFile, "Controlling Device Namespace Access". Rows: R20, R21
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ...bugcheck import BugCheckCode
from ...security.access_mask import FILE_GENERIC_MAPPING
from ...security.token import Privilege
from ...status import (
    STATUS_ACCESS_DENIED,
    STATUS_NO_SUCH_DEVICE,
    STATUS_OBJECT_PATH_SYNTAX_BAD,
    STATUS_OBJECT_TYPE_MISMATCH,
    STATUS_REPARSE,
    STATUS_SUCCESS,
    STATUS_UNSUCCESSFUL,
    STATUS_VERIFY_REQUIRED,
    NtError,
    error_for,
    nt_success,
)
from .. import requests
from ..codes.device_codes import (
    DO_DEVICE_INITIALIZING,
    DO_EXCLUSIVE,
    FILE_DEVICE_CD_ROM,
    FILE_DEVICE_CD_ROM_FILE_SYSTEM,
    FILE_DEVICE_DISK,
    FILE_DEVICE_DISK_FILE_SYSTEM,
    FILE_DEVICE_FILE_SYSTEM,
    FILE_DEVICE_SECURE_OPEN,
    FILE_DEVICE_TAPE_FILE_SYSTEM,
    VPB_RAW_MOUNT,
)
from ..codes.file_codes import (
    ACCESS_SYSTEM_SECURITY,
    FILE_ALL_ACCESS,
    FILE_READ_ATTRIBUTES,
    FILE_TRAVERSE,
    FO_CLEANUP_COMPLETE,
    FO_DIRECT_DEVICE_OPEN,
    FO_HANDLE_CREATED,
    FO_OPENED_CASE_SENSITIVE,
    FO_STREAM_FILE,
    FO_VOLUME_OPEN,
    IO_REMOUNT,
    MAXIMUM_ALLOWED,
    READ_CONTROL,
    SL_CASE_SENSITIVE,
    SL_FORCE_ACCESS_CHECK,
    SYNCHRONIZE,
    WRITE_DAC,
    WRITE_OWNER,
)
from ..codes.major import KERNEL_MODE, USER_MODE
from ..device import DeviceObject
from ..file_object import FileObject
from ..io_status import IoStatusBlock
from .closing import close_file as close_file
from .closing import release_device
from .create_parameters import CreateParameters as CreateParameters
from .create_parameters import check_parameters, file_flags
from .mount import hold_volume, verify_volume
from .reparse import replaced_name

if TYPE_CHECKING:
    from ..manager import IoManager
    from .vpb import Vpb

#: In `CreateParameters.flags`: the opener wants to attach a device (NT: IO_ATTACH_DEVICE; no flag of a location).
ATTACHING: Final = 0x400

#: How often one open may be sent somewhere else by drivers.
MAXIMUM_REPARSES: Final = 32

#: Access that looks at the bare device and needs no volume.
_LOOKING: Final = FILE_READ_ATTRIBUTES | READ_CONTROL | WRITE_DAC | WRITE_OWNER | SYNCHRONIZE | ACCESS_SYSTEM_SECURITY
_FILE_SYSTEMS: Final = frozenset(
    (
        FILE_DEVICE_DISK_FILE_SYSTEM, FILE_DEVICE_CD_ROM_FILE_SYSTEM, FILE_DEVICE_TAPE_FILE_SYSTEM,
        FILE_DEVICE_FILE_SYSTEM,
    )
)  # fmt: skip
#: Where the traverse privilege does not spare the check: names on them are few, and what they hold is everything.
_ALWAYS_TRAVERSED: Final = (FILE_DEVICE_DISK, FILE_DEVICE_CD_ROM)


def open_path(
    io: IoManager,
    path: str,
    parameters: CreateParameters,
    *,
    mode: int = USER_MODE,
    related: FileObject | None = None,
) -> FileObject:
    """Open what a path of the namespace names, or a name relative to the open file `related`; raises NtError.

    NT: IoCreateFile
    """
    device, rest = _look_up(io, path, related)
    return open_device(device, rest, parameters, shown=path, mode=mode, related=related)


def open_device(
    device: DeviceObject,
    rest: str,
    parameters: CreateParameters,
    *,
    shown: str = "",
    mode: int = USER_MODE,
    related: FileObject | None = None,
) -> FileObject:
    """Open a device, or what `rest` names on it; raises NtError that shows the name `shown`.

    NT: IopParseDevice
    """
    io, shown = device.driver.io, shown or device.path + rest
    for _ in range(MAXIMUM_REPARSES):
        bare = not rest and related is None
        _reference(device, related is not None or bool(parameters.flags & ATTACHING), shown)
        vpb: Vpb | None = None
        try:
            parameters, granted = _check_access(device, rest, parameters, mode, related, shown)
            looking = bare and not granted & ~_LOOKING
            if device.vpb is not None and not looking:
                vpb = hold_volume(device, bare=bare)
            file_object = _make_file_object(device, rest, parameters, granted, vpb, related, looking)
            status, information, auxiliary = requests.create(file_object, parameters, mode)
        except BaseException:
            _forget(device, vpb)
            raise
        if status == STATUS_SUCCESS:
            return _opened(file_object, information, bare)
        file_object.device, file_object.closed = None, True  # type: ignore[assignment]
        _forget(device, vpb)
        if status == STATUS_VERIFY_REQUIRED and vpb is not None and nt_success(verify_volume(device, allow_raw=bare)):
            continue
        if status != STATUS_REPARSE:
            if nt_success(status):
                raise error_for(STATUS_UNSUCCESSFUL, f"the open ended with {status:#x}, which opens nothing", shown)
            raise error_for(status, "cannot open", shown)
        if information != IO_REMOUNT:
            if bare:
                code = BugCheckCode.DRIVER_RETURNED_STATUS_REPARSE_FOR_VOLUME_OPEN
                io.stop(code, device, device.top(), file_object.file_name, information)
            name = replaced_name(file_object.file_name, information, auxiliary, shown)
            (device, rest), related = _look_up(io, name, None), None
    raise error_for(STATUS_UNSUCCESSFUL, f"sent somewhere else more than {MAXIMUM_REPARSES} times", shown)


def create_file(
    io: IoManager,
    path: str,
    parameters: CreateParameters,
    *,
    iosb: IoStatusBlock | None = None,
    mode: int = USER_MODE,
    related: FileObject | None = None,
) -> tuple[int, int]:
    """Open a file and make a handle for it: (NTSTATUS, handle), 0 for what was not opened; never raises NtError.

    `iosb` gets what the open did (FILE_OPENED, FILE_CREATED ...), if it did anything.
    NT: NtCreateFile
    """
    status = check_parameters(parameters) if mode != KERNEL_MODE else STATUS_SUCCESS
    if status:
        return status, 0
    try:
        file_object = open_path(io, path, parameters, mode=mode, related=related)
    except NtError as error:
        return error.status, 0
    file_object.flags |= FO_HANDLE_CREATED
    if iosb is not None:
        iosb.status, iosb.information = STATUS_SUCCESS, file_object.opened_as
    return STATUS_SUCCESS, io.handles.insert(file_object, file_object.access)


def device_pointer(
    io: IoManager, path: str, access: int, *, attaching: bool = False
) -> tuple[FileObject, DeviceObject]:
    """A device by its name: a file object that keeps it, without a handle, and the top of its stack; raises NtError.

    Give the file object back with `io.dereference`. One that is `attaching` may also open what is exclusive and open.
    NT: IoGetDeviceObjectPointer
    """
    flags = ATTACHING if attaching else 0
    file_object = open_path(io, path, CreateParameters(access=access, flags=flags), mode=KERNEL_MODE)
    io.reference(file_object)
    close_file(file_object)
    return file_object, file_object.related_device()


def create_stream_file(device: DeviceObject, original: FileObject | None = None, *, cleanup: bool = True) -> FileObject:
    """A file object of a file system's own, for streams such as its directories: nothing is opened, no handle made.

    It is on the device of `original` if that is given. The stack gets IRP_MJ_CLEANUP at once, as for a handle that was
    made and closed, unless `cleanup` is False; IRP_MJ_CLOSE comes with the last reference.
    NT: IoCreateStreamFileObject, IoCreateStreamFileObjectLite
    """
    device, vpb = (device, device.vpb) if original is None else (original.device, original.vpb)
    with device.driver.io.irps.lock:
        device.reference_count += 1
        if vpb is not None:
            vpb.reference_count += 1
    file_object = FileObject(device, "", 0, FO_STREAM_FILE, vpb)
    file_object.closed = True
    if cleanup:
        requests.cleanup(file_object)
    file_object.flags |= FO_CLEANUP_COMPLETE
    return file_object


# --- the steps --------------------------------------------------------------------------------------------------------


def _look_up(io: IoManager, path: str, related: FileObject | None) -> tuple[DeviceObject, str]:
    """Step 1: the device a path leads to, and what is left of the path."""
    if related is not None:
        if path.startswith("\\"):
            raise error_for(STATUS_OBJECT_PATH_SYNTAX_BAD, "a relative name cannot start with a backslash", path)
        return related.device, path
    found, rest = io.namespace.lookup(path)
    if not isinstance(found, DeviceObject):
        raise error_for(STATUS_OBJECT_TYPE_MISMATCH, f"a {found.type_name} cannot be opened as a file", path)
    return found, rest


def _reference(device: DeviceObject, also_exclusive: bool, shown: str) -> None:
    """Step 2: count the open, if the device may be opened."""
    io = device.driver.io
    with io.irps.lock:
        if (device.flags & DO_DEVICE_INITIALIZING or device.extension.flags) and (refusal := device.refusal):
            raise error_for(STATUS_NO_SUCH_DEVICE, f"the device is {refusal}", shown)
        if device.flags & DO_EXCLUSIVE and device.reference_count and not also_exclusive:
            raise error_for(STATUS_ACCESS_DENIED, "the device is exclusive, and open", shown)
        device.reference_count += 1
        device.open_files += 1
        io.open_files += 1


def _check_access(
    device: DeviceObject,
    rest: str,
    parameters: CreateParameters,
    mode: int,
    related: FileObject | None,
    shown: str,
) -> tuple[CreateParameters, int]:
    """Step 3: the parameters without generic rights, and which access is granted."""
    wanted = FILE_GENERIC_MAPPING.map(parameters.access)
    if wanted != parameters.access:
        parameters = replace(parameters, access=wanted)
    granted = wanted & ~MAXIMUM_ALLOWED | FILE_ALL_ACCESS if wanted & MAXIMUM_ALLOWED else wanted
    if related is not None or (mode == KERNEL_MODE and not parameters.flags & SL_FORCE_ACCESS_CHECK):
        return parameters, granted
    token = device.driver.io.subject()
    if not rest or device.characteristics & FILE_DEVICE_SECURE_OPEN:
        status, granted = device.driver.io.access.check(device.security_descriptor, token, wanted)
    elif token.holds(Privilege.CHANGE_NOTIFY) and device.device_type not in _ALWAYS_TRAVERSED:
        return parameters, granted
    else:
        status, _ = device.driver.io.access.check(device.security_descriptor, token, FILE_TRAVERSE)
    if not nt_success(status):
        raise error_for(status, "the device's security descriptor does not allow it", shown)
    return parameters, granted


def _make_file_object(
    device: DeviceObject,
    rest: str,
    parameters: CreateParameters,
    granted: int,
    vpb: Vpb | None,
    related: FileObject | None,
    looking: bool,
) -> FileObject:
    """Step 5."""
    flags = file_flags(parameters.options)
    if looking:
        flags |= FO_DIRECT_DEVICE_OPEN
    if parameters.flags & SL_CASE_SENSITIVE:
        flags |= FO_OPENED_CASE_SENSITIVE
    file_object = FileObject(device, rest, granted, flags, vpb)
    file_object.related_file_object = related
    return file_object


def _opened(file_object: FileObject, information: int, bare: bool) -> FileObject:
    """Step 7: what the open did is kept."""
    file_object.opened_as = information
    vpb = file_object.vpb
    if bare and vpb is not None:
        raw = vpb.flags & VPB_RAW_MOUNT
        if raw or (vpb.device is not None and vpb.device.device_type in _FILE_SYSTEMS):
            file_object.flags |= FO_VOLUME_OPEN
    return file_object


def _forget(device: DeviceObject, vpb: Vpb | None) -> None:
    """Step 7, of an open that came to nothing."""
    io = device.driver.io
    with io.irps.lock:
        device.open_files -= 1
        io.open_files -= 1
    release_device(device, vpb)
