r"""Overlapped sockets by their Windows names, with pywin32's parameters and results.

    AcceptEx(listener, accepting, buffer, overlapped) -> rc         the buffer holds data, then two addresses
    ConnectEx(socket, address, overlapped, data) -> (rc, bytes)
    WSARecv(socket, buffer, overlapped, flags) -> (rc, bytes)       WSASend, WSARecvFrom, WSASendTo alike
    TransmitFile(socket, file, bytes, per_send, overlapped, flags, head, tail) -> rc
    DisconnectEx(socket, overlapped, flags) -> rc

`rc` is 0 for what is done, ERROR_IO_PENDING for what goes on; other failures raise `pywintypes.error`. A socket is one
of `WSASocket`, and closes with `closesocket` or CloseHandle. Without an `overlapped` a call waits for its end.

Source: learn.microsoft.com mswsock.h, winsock2.h; pywin32's win32file. Rows: R26, R34
"""

from __future__ import annotations

from typing import Any

from ..driver_kit import net
from ..drivers.sockets import records as afd
from ..hal.socket_addresses import AF_INET, SOCKADDR_SIZE, pack_address, unpack_address
from ..io_manager.codes import major
from ..io_manager.file_object import FileObject
from ..io_manager.io_status import IoStatusBlock
from ..io_manager.opening.create_parameters import CreateParameters
from ..io_manager.socket_service import socket_control
from ..kernel.event import Event
from ..status import STATUS_PENDING, InvalidParameter, error_for, nt_error, win32_from_status
from ..system.default import default_system
from ..system.system import System
from .handles import find_object, system_of
from .overlapped import OVERLAPPED, check_overlapped, hold, start
from .pyhandle import Handle, PyHANDLE, win32_errors
from .win32file import CloseHandle
from .winerror import ERROR_IO_PENDING

__all__ = [
    "AcceptEx", "CalculateSocketEndPointSize", "ConnectEx", "DisconnectEx", "GetAcceptExSockaddrs", "TransmitFile",
    "WSARecv", "WSARecvFrom", "WSASend", "WSASendTo", "WSASocket",
    "bind", "closesocket", "getpeername", "getsockname", "listen", "setsockopt", "shutdown",
    "SO_CONNECT_TIME", "SO_UPDATE_ACCEPT_CONTEXT", "SO_UPDATE_CONNECT_CONTEXT", "TF_DISCONNECT", "TF_REUSE_SOCKET",
]  # fmt: skip

TF_DISCONNECT, TF_REUSE_SOCKET = afd.TF_DISCONNECT, afd.TF_REUSE_SOCKET
SO_UPDATE_ACCEPT_CONTEXT, SO_CONNECT_TIME, SO_UPDATE_CONNECT_CONTEXT = 0x700B, 0x700C, 0x7010
#: Options that Windows needs before an accepted or connected socket is whole; here it is whole already.
_NEEDLESS = (SO_UPDATE_ACCEPT_CONTEXT, SO_UPDATE_CONNECT_CONTEXT)
_SOL_SOCKET = 0xFFFF
#: What AcceptEx wants for an address beyond its own size.
_MARGIN = 16
_NOTHING = memoryview(b"")


def WSASocket(
    family: int = AF_INET, kind: int = net.STREAM, protocol: int = 0, *, system: System | None = None
) -> PyHANDLE:
    """Make an overlapped socket; numbers are the host's. Raises `pywintypes.error`.

    NT: WSASocketW
    """
    owner = system or default_system()
    access = major.FILE_GENERIC_READ | major.FILE_GENERIC_WRITE
    with win32_errors("WSASocket"):
        name = f"\\Device\\Afd\\Endpoint\\{int(family)}\\{int(kind)}\\{int(protocol)}"
        file_object = owner.create_file_object(name, CreateParameters(access=access, options=0))
        return PyHANDLE(owner, owner.io.handles.insert(file_object, access))


def closesocket(s: Handle, *, system: System | None = None) -> None:
    """Close a socket; raises `pywintypes.error`.

    NT: closesocket
    """
    CloseHandle(s, system=system)


def bind(s: Handle, address: Any, *, system: System | None = None) -> None:
    """Give a socket its local address; raises `pywintypes.error`.

    NT: bind
    """
    with win32_errors("bind"):
        file_object = _socket(s, system)
        _wait(file_object, afd.IOCTL_AFD_BIND, pack_address(_family(file_object), address))


def listen(s: Handle, backlog: int, *, system: System | None = None) -> None:
    """Take connections; raises `pywintypes.error`.

    NT: listen
    """
    with win32_errors("listen"):
        _wait(_socket(s, system), afd.IOCTL_AFD_START_LISTEN, int(backlog))


def shutdown(s: Handle, how: int, *, system: System | None = None) -> None:
    """Send the last byte (1), receive no more (0), or both (2); raises `pywintypes.error`.

    NT: shutdown
    """
    with win32_errors("shutdown"):
        _wait(_socket(s, system), afd.IOCTL_AFD_PARTIAL_DISCONNECT, int(how))


def getsockname(s: Handle, *, system: System | None = None) -> Any:
    """The local address; None where there is none. Raises `pywintypes.error`.

    NT: getsockname
    """
    return _address("getsockname", s, system, afd.IOCTL_AFD_GET_ADDRESS)


def getpeername(s: Handle, *, system: System | None = None) -> Any:
    """The peer's address; None where there is none. Raises `pywintypes.error`.

    NT: getpeername
    """
    return _address("getpeername", s, system, afd.IOCTL_AFD_GET_REMOTE_ADDRESS)


def setsockopt(s: Handle, level: int, name: int, value: Any, *, system: System | None = None) -> None:
    """Set an option by the host's numbers; the two SO_UPDATE_... of Windows are taken and mean nothing.

    NT: setsockopt
    """
    if name in _NEEDLESS:
        return
    with win32_errors("setsockopt"):
        raw = bytes(value) if isinstance(value, (bytes, bytearray)) else int(value).to_bytes(4, "little", signed=True)
        _wait(_socket(s, system), afd.IOCTL_AFD_SET_OPTION, afd.Option(level, name, raw))


# --- overlapped -------------------------------------------------------------------------------------------------------


def CalculateSocketEndPointSize(socket: Handle, *, system: System | None = None) -> int:
    """How many bytes AcceptEx needs for the two addresses of a connection.

    NT: none; pywin32's own
    """
    with win32_errors("CalculateSocketEndPointSize"):
        _socket(socket, system)
    return 2 * (SOCKADDR_SIZE + _MARGIN)


def AcceptEx(
    slistening: Handle, sAccepting: Handle, buffer: Any, ol: OVERLAPPED, *, system: System | None = None
) -> int:
    """Start to accept a connection as `sAccepting`; its first data and the addresses go to `buffer`.

    NT: AcceptEx
    """
    owner = system_of(slistening, system)
    with win32_errors("AcceptEx"):
        room = len(memoryview(buffer).cast("B")) - 2 * (SOCKADDR_SIZE + _MARGIN)
        if room < 0:
            raise InvalidParameter(f"the buffer has no room for two addresses: {-room} bytes are missing")
        accepting = find_object(sAccepting, FileObject, owner)
        record = afd.Accept(accepting, room, SOCKADDR_SIZE + _MARGIN, SOCKADDR_SIZE + _MARGIN)
        return _start(slistening, owner, afd.IOCTL_AFD_SUPER_ACCEPT, record, buffer, ol)[0]


def GetAcceptExSockaddrs(sAccepting: Handle, buffer: Any, *, system: System | None = None) -> tuple[int, Any, Any]:
    """What an AcceptEx left in its buffer: (family, local address, remote address).

    NT: GetAcceptExSockaddrs
    """
    with win32_errors("GetAcceptExSockaddrs"):
        family = _family(_socket(sAccepting, system))
        room = SOCKADDR_SIZE + _MARGIN
        raw = bytes(memoryview(buffer).cast("B")[-2 * room :])
        return family, unpack_address(raw[:room]), unpack_address(raw[room:])


def ConnectEx(
    s: Handle, name: Any, Overlapped: OVERLAPPED, SendBuffer: Any = b"", *, system: System | None = None
) -> tuple[int, int]:
    """Start to connect, and to send `SendBuffer` then: (rc, bytes sent).

    NT: ConnectEx
    """
    owner = system_of(s, system)
    with win32_errors("ConnectEx"):
        address = pack_address(_family(find_object(s, FileObject, owner)), name)
        return _start(s, owner, afd.IOCTL_AFD_SUPER_CONNECT, address, SendBuffer, Overlapped, writing=False)


def DisconnectEx(s: Handle, ol: OVERLAPPED | None, flags: int = 0, *, system: System | None = None) -> int:
    """End a connection; with TF_REUSE_SOCKET the socket may be used for another.

    NT: DisconnectEx
    """
    owner = system_of(s, system)
    with win32_errors("DisconnectEx"):
        return _start(s, owner, afd.IOCTL_AFD_SUPER_DISCONNECT, int(flags), None, ol)[0]


def WSARecv(
    s: Handle, buffer: Any, ol: OVERLAPPED | None, dwFlags: int = 0, *, system: System | None = None
) -> tuple[int, int]:
    """Receive into a buffer: (rc, bytes); no bytes with 0 say that the peer has sent its last.

    NT: WSARecv
    """
    owner = system_of(s, system)
    with win32_errors("WSARecv"):
        datagrams = _kind(find_object(s, FileObject, owner)) == net.DATAGRAM
        code = afd.IOCTL_AFD_RECEIVE_DATAGRAM if datagrams else afd.IOCTL_AFD_RECEIVE
        return _start(s, owner, code, afd.Transfer(dwFlags), buffer, ol)


def WSASend(
    s: Handle, buffer: Any, ol: OVERLAPPED | None, dwFlags: int = 0, *, system: System | None = None
) -> tuple[int, int]:
    """Send all of a buffer: (rc, bytes).

    NT: WSASend
    """
    owner = system_of(s, system)
    with win32_errors("WSASend"):
        datagrams = _kind(find_object(s, FileObject, owner)) == net.DATAGRAM
        code = afd.IOCTL_AFD_SEND_DATAGRAM if datagrams else afd.IOCTL_AFD_SEND
        return _start(s, owner, code, afd.Transfer(dwFlags), buffer, ol, writing=False)


def WSASendTo(
    s: Handle, buffer: Any, address: Any, ol: OVERLAPPED | None, dwFlags: int = 0, *, system: System | None = None
) -> tuple[int, int]:
    """Send one datagram to an address: (rc, bytes).

    NT: WSASendTo
    """
    owner = system_of(s, system)
    with win32_errors("WSASendTo"):
        record = afd.Transfer(dwFlags, pack_address(_family(find_object(s, FileObject, owner)), address))
        return _start(s, owner, afd.IOCTL_AFD_SEND_DATAGRAM, record, buffer, ol, writing=False)


def WSARecvFrom(
    s: Handle, buffer: Any, sender: afd.Transfer, ol: OVERLAPPED | None, *, system: System | None = None
) -> tuple[int, int]:
    """Receive one datagram: (rc, bytes); `sender.address` is its sender's `struct sockaddr` when it is there.

    NT: WSARecvFrom
    """
    owner = system_of(s, system)
    with win32_errors("WSARecvFrom"):
        return _start(s, owner, afd.IOCTL_AFD_RECEIVE_DATAGRAM, sender, buffer, ol)


def TransmitFile(
    Socket: Handle,
    File: Handle | None,
    NumberOfBytesToWrite: int = 0,
    NumberOfBytesPerSend: int = 0,
    Overlapped: OVERLAPPED | None = None,
    Flags: int = 0,
    Head: Any = b"",
    Tail: Any = b"",
    *,
    system: System | None = None,
) -> int:
    """Send a file from the offset of `Overlapped` on (0 bytes: to its end) between a head and a tail.

    NT: TransmitFile
    """
    owner = system_of(Socket, system)
    with win32_errors("TransmitFile"):
        file_object = None if File is None else find_object(File, FileObject, owner)
        offset = 0 if Overlapped is None else Overlapped.position
        count = NumberOfBytesToWrite or None
        record = afd.Transmit(file_object, offset, count, NumberOfBytesPerSend, Flags, Head, Tail)
        return _start(Socket, owner, afd.IOCTL_AFD_TRANSMIT_FILE, record, None, Overlapped)[0]


# --- what all share ---------------------------------------------------------------------------------------------------


def _socket(s: Handle, system: System | None) -> FileObject:
    return find_object(s, FileObject, system)


def _family(file_object: FileObject) -> int:
    return int(file_object.fs_context.family)


def _kind(file_object: FileObject) -> int:
    return int(file_object.fs_context.kind)


def _address(function: str, s: Handle, system: System | None, code: int) -> Any:
    with win32_errors(function):
        room = bytearray(SOCKADDR_SIZE)
        count = _wait(_socket(s, system), code, afd.Transfer(), memoryview(room))
        return unpack_address(bytes(room[:count]))


def _wait(file_object: FileObject, code: int, record: Any, view: memoryview = _NOTHING) -> int:
    """Make a request and wait for its end; returns how many bytes."""
    answer, io = IoStatusBlock(STATUS_PENDING), file_object.device.driver.io
    event = Event(io.hal)
    status = socket_control(file_object, event, None, answer, code, record, view)
    if status == STATUS_PENDING:
        with io.wait_for(event):
            event.wait()
        io.check_running()
        status = answer.status
    if nt_error(status):
        raise error_for(status, "the request failed")
    return answer.information


def _start(
    s: Handle, owner: System, code: int, record: Any, buffer: Any, ol: OVERLAPPED | None, *, writing: bool = True
) -> tuple[int, int]:
    file_object = find_object(s, FileObject, owner)
    view, release = hold(owner, b"" if buffer is None else buffer, writing=writing and buffer is not None)
    if ol is None:
        try:
            return 0, _wait(file_object, code, record, view)
        finally:
            release()
    try:
        check_overlapped(ol)
    except BaseException:
        release()
        raise

    def send(event: Event | None, context: Any, block: IoStatusBlock) -> int:
        return socket_control(file_object, event, context, block, code, record, view)

    status = start(owner, file_object, ol, send, release)
    if nt_error(status):
        raise error_for(status, "the request failed")
    return (ERROR_IO_PENDING, 0) if status == STATUS_PENDING else (win32_from_status(status), ol.InternalHigh)
