r"""The host's files as a device: `\Device\HostFiles`, a redirector with no volume under it.

What is left of a name after the device is a path of the host: one that starts with a slash is taken as it stands, one
that starts with a backslash has its backslashes turned (`\??\C:\etc\hosts` is `/etc/hosts`). Opening a file opens the
host's file; reads and writes are the host's, and with no filter above that wants to see them, they go to it directly.

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
            file_object.fs_context = self._open(_host_path(file_object.file_name), parameters)
        except status.NtError as error:
            return irp.complete(error.status)
        return irp.complete()

    def _open(self, path: str, parameters: CreateParameters) -> HostFile:
        access, disposition = parameters.access, parameters.disposition
        file = open_host_file(
            self.driver_object.io,
            path,
            read=bool(access & major.FILE_READ_DATA),
            write=bool(access & major.FILE_WRITE_DATA),
            append=bool(access & major.FILE_APPEND_DATA) and not access & major.FILE_WRITE_DATA,
            create=disposition in (major.FILE_CREATE, major.FILE_OPEN_IF, major.FILE_OVERWRITE_IF),
            exclusive=disposition == major.FILE_CREATE,
            truncate=disposition in (major.FILE_OVERWRITE, major.FILE_OVERWRITE_IF),
            direct=bool(parameters.options & major.FILE_NO_INTERMEDIATE_BUFFERING),
        )
        if file.directory:
            file.close()
            raise status.error_for(status.STATUS_FILE_IS_A_DIRECTORY)
        return file

    def dispatch_close(self, device: DeviceObject, irp: Irp) -> int:
        """Close the host's file."""
        assert irp.location.file_object is not None
        irp.location.file_object.fs_context.close()
        return irp.complete()

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        """Read from the host's file."""
        return host_operation(irp, OperationCode.READ, _file(irp))

    def dispatch_read_batch(self, device: DeviceObject, irp: Irp) -> int:
        """Read all rows, on the ring they came by."""
        return host_operation(irp, OperationCode.READ, _file(irp))

    def dispatch_write(self, device: DeviceObject, irp: Irp) -> int:
        """Write to the host's file."""
        return host_operation(irp, OperationCode.WRITE, _file(irp))

    def dispatch_write_batch(self, device: DeviceObject, irp: Irp) -> int:
        """Write all rows, on the ring they came by."""
        return host_operation(irp, OperationCode.WRITE, _file(irp))

    def dispatch_flush_buffers(self, device: DeviceObject, irp: Irp) -> int:
        """Put everything on the host's device."""
        return host_operation(irp, OperationCode.FLUSH, _file(irp))

    def dispatch_query_information(self, device: DeviceObject, irp: Irp) -> int:
        """The file's size."""
        return self.answer_standard_information(irp, _file(irp).size)


def _file(irp: Irp) -> HostFile:
    file: HostFile = irp.location.file_object.fs_context  # type: ignore[union-attr]
    return file


def _host_path(name: str) -> str:
    return name if name.startswith("/") else name.replace("\\", "/")
