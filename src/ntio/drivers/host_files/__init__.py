r"""The host's files as a device: `\Device\HostFiles`, a redirector with no volume under it.

What is left of a name after the device is a path of the host: one that starts with a slash is taken as it stands, one
that starts with a backslash has its backslashes turned (`\??\C:\etc\hosts` is `/etc/hosts`), one without either is
relative to the open file it is opened by. Opening a file opens the host's file; reads and writes are the host's, and
with no filter above that wants to see them, they go to it directly. What can be asked about a file and its volume is
what the host knows (`facts`); its size, its times and its name can be changed, and it can be deleted, which happens
when its last handle is closed.

Rows: R21, R29, R30
"""

from __future__ import annotations

from ...driver_kit import (
    FILE_DEVICE_NETWORK_FILE_SYSTEM,
    CreateParameters,
    DeviceObject,
    Driver,
    FileObject,
    HostFile,
    HostTarget,
    Irp,
    OperationCode,
    host_operation,
    major,
    open_host_file,
    status,
)
from .facts import change_allocation, change_name, change_times, file_facts, host_path, number_in, volume_facts
from .stream import Stream

#: Dispositions that leave nothing of a file that is there; the last one does not make one that is not.
_EMPTYING = (major.FILE_SUPERSEDE, major.FILE_OVERWRITE_IF, major.FILE_OVERWRITE)
_ANSWERS = {
    major.FILE_SUPERSEDE: major.FILE_SUPERSEDED,
    major.FILE_OPEN_IF: major.FILE_OPENED,
    major.FILE_OVERWRITE: major.FILE_OVERWRITTEN,
    major.FILE_OVERWRITE_IF: major.FILE_OVERWRITTEN,
}


class HostFiles(Driver):
    r"""The redirector to the host's files."""

    def add_device(self, lower: DeviceObject | None = None) -> DeviceObject:
        r"""Make `\Device\HostFiles`."""
        return self.create_device("\\Device\\HostFiles", FILE_DEVICE_NETWORK_FILE_SYSTEM)

    def bypass_target(self, device: DeviceObject, file_object: FileObject) -> HostTarget:
        """The host file itself."""
        file: HostFile = file_object.fs_context
        return HostTarget(file.descriptor, stream=file.stream)

    def dispatch_create(self, device: DeviceObject, irp: Irp) -> int:
        """Open the host's file."""
        file_object = irp.location.file_object
        assert file_object is not None
        parameters: CreateParameters = irp.location.argument
        try:
            path = _path_of(file_object)
            answer = self._answer(path, parameters.disposition)
            file_object.fs_context = file = self._open(path, parameters)
        except status.NtError as error:
            return irp.complete(error.status)
        if file.stream:
            file_object.fs_context2 = Stream(device, file)
        file_object.delete_pending = bool(parameters.options & major.FILE_DELETE_ON_CLOSE)
        return irp.complete(information=answer)

    def _answer(self, path: str, disposition: int) -> int:
        """What opening is going to do. Where that depends on whether the file is there, somebody may be quicker."""
        if disposition in (major.FILE_OPEN, major.FILE_CREATE):
            return disposition
        there = self.driver_object.io.hal.files.exists(path)
        return _ANSWERS[disposition] if there else major.FILE_CREATED

    def _open(self, path: str, parameters: CreateParameters) -> HostFile:
        access, disposition, options = parameters.access, parameters.disposition, parameters.options
        file = open_host_file(
            self.driver_object.io,
            path,
            read=bool(access & major.FILE_READ_DATA),
            write=bool(access & major.FILE_WRITE_DATA),
            append=bool(access & major.FILE_APPEND_DATA) and not access & major.FILE_WRITE_DATA,
            create=disposition in (major.FILE_CREATE, major.FILE_OPEN_IF, *_EMPTYING[:2]),
            exclusive=disposition == major.FILE_CREATE,
            truncate=disposition in _EMPTYING,
            direct=bool(options & major.FILE_NO_INTERMEDIATE_BUFFERING),
        )
        if file.directory:
            refusal = status.STATUS_FILE_IS_A_DIRECTORY if options & major.FILE_NON_DIRECTORY_FILE else 0
        else:
            refusal = status.STATUS_NOT_A_DIRECTORY if options & major.FILE_DIRECTORY_FILE else 0
        if refusal:
            file.close()
            raise status.error_for(refusal)
        return file

    def dispatch_cleanup(self, device: DeviceObject, irp: Irp) -> int:
        """The last handle is closed: a file that is to be deleted loses its path now."""
        assert irp.location.file_object is not None
        if irp.location.file_object.delete_pending:
            try:
                _file(irp).remove()
            except status.NtError as error:
                return irp.complete(error.status)
        return irp.complete()

    def dispatch_close(self, device: DeviceObject, irp: Irp) -> int:
        """Close the host's file."""
        assert irp.location.file_object is not None
        irp.location.file_object.fs_context.close()
        return irp.complete()

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        """Read from the host's file."""
        stream: Stream | None = irp.location.file_object.fs_context2  # type: ignore[union-attr]
        return host_operation(irp, OperationCode.READ, _file(irp)) if stream is None else stream.reads.start(irp)

    def dispatch_read_batch(self, device: DeviceObject, irp: Irp) -> int:
        """Read all rows, on the ring they came by."""
        return host_operation(irp, OperationCode.READ, _file(irp))

    def dispatch_write(self, device: DeviceObject, irp: Irp) -> int:
        """Write to the host's file."""
        stream: Stream | None = irp.location.file_object.fs_context2  # type: ignore[union-attr]
        return host_operation(irp, OperationCode.WRITE, _file(irp)) if stream is None else stream.writes.start(irp)

    def dispatch_write_batch(self, device: DeviceObject, irp: Irp) -> int:
        """Write all rows, on the ring they came by."""
        return host_operation(irp, OperationCode.WRITE, _file(irp))

    def dispatch_flush_buffers(self, device: DeviceObject, irp: Irp) -> int:
        """Put everything on the host's device."""
        return host_operation(irp, OperationCode.FLUSH, _file(irp))

    def dispatch_query_information(self, device: DeviceObject, irp: Irp) -> int:
        """What the host knows about the file."""
        assert irp.location.file_object is not None
        return file_facts(_file(irp), delete_pending=irp.location.file_object.delete_pending).answer(irp)

    def dispatch_query_volume_information(self, device: DeviceObject, irp: Irp) -> int:
        """What the host knows about the file system that the file is on."""
        return volume_facts(_file(irp)).answer(irp)

    def dispatch_set_information(self, device: DeviceObject, irp: Irp) -> int:
        """Change the file's size, times or name, or have it deleted."""
        change = _CHANGES.get(irp.location.argument)
        if change is None:
            return irp.complete(status.STATUS_INVALID_PARAMETER)
        try:
            return change(_file(irp), irp)
        except status.NtError as error:
            return irp.complete(error.status)


def _resize(file: HostFile, irp: Irp) -> int:
    file.resize(number_in(irp))
    return irp.complete()


def _dispose(file: HostFile, irp: Irp) -> int:
    assert irp.location.file_object is not None and irp.buffer is not None
    irp.location.file_object.delete_pending = bool(irp.buffer[0])
    return irp.complete()


_CHANGES = {
    major.FILE_BASIC_INFORMATION_CLASS: change_times,
    major.FILE_RENAME_INFORMATION_CLASS: change_name,
    major.FILE_DISPOSITION_INFORMATION_CLASS: _dispose,
    major.FILE_ALLOCATION_INFORMATION_CLASS: change_allocation,
    major.FILE_END_OF_FILE_INFORMATION_CLASS: _resize,
}


def _file(irp: Irp) -> HostFile:
    file: HostFile = irp.location.file_object.fs_context  # type: ignore[union-attr]
    return file


def _path_of(file_object: FileObject) -> str:
    name, related = file_object.file_name, file_object.related_file_object
    if related is None:
        return host_path(name)
    folder: str = related.fs_context.path
    return f"{folder.rstrip('/')}/{host_path(name)}" if name else folder
