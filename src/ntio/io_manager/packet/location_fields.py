"""What the four arguments of a stack location are called, for each kind of request.

A location has four arguments that every request uses in its own way; NT lays one structure per kind over them.

    argument 1  location.length       argument 3  location.byte_offset
    argument 2  location.key          argument 4  location.argument

    Parameters.Read             Length                Key                 ByteOffset
    Parameters.DeviceIoControl  OutputBufferLength    InputBufferLength   IoControlCode     Type3InputBuffer
    Parameters.QueryFile        Length                                                      FileInformationClass
    Parameters.Create                               Options             sharing           the rest: `CreateParameters`

`location.Parameters` is a view, and so is what hangs on it: made when asked for, gone with the expression. Setting a
member sets the argument.

Source: _IO_STACK_LOCATION as the public page describes it; spec iomgr.md 1.1. Rows: R18, R27
"""

from __future__ import annotations

from typing import ClassVar

from ...kernel.nt_names import Alias, Group, Large, Part, View


class ReadWrite(View):
    """How much, where.

    NT: Parameters.Read, Parameters.Write
    """

    __slots__ = ()
    Length: ClassVar = Part("length")
    Key: ClassVar = Part("key")
    ByteOffset: ClassVar = Large("byte_offset")


class LockControl(View):
    """Which bytes to lock, and by which key.

    NT: Parameters.LockControl
    """

    __slots__ = ()
    Length: ClassVar = Large("length")
    Key: ClassVar = Part("key")
    ByteOffset: ClassVar = Large("byte_offset")


class DeviceIoControl(View):
    """Which control code, with how much in and out.

    NT: Parameters.DeviceIoControl
    """

    __slots__ = ()
    OutputBufferLength: ClassVar = Part("length")
    InputBufferLength: ClassVar = Part("key")
    IoControlCode: ClassVar = Part("byte_offset")
    Type3InputBuffer: ClassVar = Part("argument")


class FileSystemControl(View):
    """Which control code of file systems, with how much in and out.

    NT: Parameters.FileSystemControl
    """

    __slots__ = ()
    OutputBufferLength: ClassVar = Part("length")
    InputBufferLength: ClassVar = Part("key")
    FsControlCode: ClassVar = Part("byte_offset")
    Type3InputBuffer: ClassVar = Part("argument")


class Mounting(View):
    """Which volume is to be mounted or verified, on which device.

    NT: Parameters.MountVolume, Parameters.VerifyVolume
    """

    __slots__ = ()
    Vpb: ClassVar = Part("length")
    DeviceObject: ClassVar = Part("key")


class FileInformation(View):
    """Which information about a file.

    NT: Parameters.QueryFile, Parameters.SetFile
    """

    __slots__ = ()
    Length: ClassVar = Part("length")
    FileObject: ClassVar = Part("byte_offset")
    FileInformationClass: ClassVar = Part("argument")


class VolumeInformation(View):
    """Which information about a volume.

    NT: Parameters.QueryVolume, Parameters.SetVolume
    """

    __slots__ = ()
    Length: ClassVar = Part("length")
    FsInformationClass: ClassVar = Part("argument")


class Directory(View):
    """Which entries of a directory, or which changes in it.

    NT: Parameters.QueryDirectory, Parameters.NotifyDirectory
    """

    __slots__ = ()
    Length: ClassVar = Part("length")
    FileName: ClassVar = Part("key")
    FileInformationClass: ClassVar = Part("byte_offset")
    FileIndex: ClassVar = Part("argument")
    CompletionFilter: ClassVar = Part("key")


class Security(View):
    """Which parts of a security descriptor, and the descriptor to be set.

    NT: Parameters.QuerySecurity, Parameters.SetSecurity
    """

    __slots__ = ()
    SecurityInformation: ClassVar = Part("length")
    Length: ClassVar = Part("key")
    SecurityDescriptor: ClassVar = Part("key")


class Others(View):
    """The four arguments by number, for what has no structure of its own.

    NT: Parameters.Others
    """

    __slots__ = ()
    Argument1: ClassVar = Part("length")
    Argument2: ClassVar = Part("key")
    Argument3: ClassVar = Part("byte_offset")
    Argument4: ClassVar = Part("argument")


class SecurityContext(View):
    """With which access a file is to be opened."""

    __slots__ = ()

    @property
    def DesiredAccess(self) -> int:
        """What the caller wants to do."""
        return int(self._of.argument.access)

    @property
    def FullCreateOptions(self) -> int:
        """The options of the open."""
        return int(self._of.argument.options)


class Create(View):
    """How a file is to be opened: Options has the disposition in its upper 8 bits.

    NT: Parameters.Create
    """

    __slots__ = ()
    SecurityContext: ClassVar = Group(SecurityContext)
    Options: ClassVar = Part("key")

    @property
    def FileAttributes(self) -> int:
        """The attributes of a file that will be made."""
        return int(self._of.byte_offset) & 0xFFFF

    @FileAttributes.setter
    def FileAttributes(self, value: int) -> None:
        self._of.byte_offset = (self._of.byte_offset & ~0xFFFF) | (value & 0xFFFF)

    @property
    def ShareAccess(self) -> int:
        """What others may do meanwhile."""
        return int(self._of.byte_offset) >> 16

    @ShareAccess.setter
    def ShareAccess(self, value: int) -> None:
        self._of.byte_offset = value << 16 | self.FileAttributes

    @property
    def EaLength(self) -> int:
        """Bytes of extended attributes, which are in the packet's system buffer."""
        return len(self._of.argument.ea)


class Parameters(View):
    """The arguments of a location by the name of the request.

    NT: Irp.Parameters
    """

    __slots__ = ()
    Create: ClassVar = Group(Create)
    Read: ClassVar = Group(ReadWrite)
    Write: ClassVar = Group(ReadWrite)
    QueryDirectory: ClassVar = Group(Directory)
    NotifyDirectory: ClassVar = Group(Directory)
    QueryFile: ClassVar = Group(FileInformation)
    SetFile: ClassVar = Group(FileInformation)
    QueryVolume: ClassVar = Group(VolumeInformation)
    SetVolume: ClassVar = Group(VolumeInformation)
    FileSystemControl: ClassVar = Group(FileSystemControl)
    LockControl: ClassVar = Group(LockControl)
    DeviceIoControl: ClassVar = Group(DeviceIoControl)
    QuerySecurity: ClassVar = Group(Security)
    SetSecurity: ClassVar = Group(Security)
    MountVolume: ClassVar = Group(Mounting)
    VerifyVolume: ClassVar = Group(Mounting)
    Others: ClassVar = Group(Others)


class LocationNames:
    """The names of a stack location."""

    __slots__ = ()
    MajorFunction: ClassVar = Alias("major")
    MinorFunction: ClassVar = Alias("minor")
    Flags: ClassVar = Alias("flags")
    Control: ClassVar = Alias("control")
    Parameters: ClassVar = Group(Parameters)
    DeviceObject: ClassVar = Alias("device")
    FileObject: ClassVar = Alias("file_object")
    CompletionRoutine: ClassVar = Alias("completion_routine")
    Context: ClassVar = Alias("context")
