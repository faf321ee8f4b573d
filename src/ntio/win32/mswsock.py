r"""Overlapped sockets by their Windows names, with pywin32's parameters and results.

    AcceptEx(listener, accepting, buffer, overlapped) -> rc         the buffer holds data, then two addresses
    ConnectEx(socket, address, overlapped, data) -> (rc, bytes)
    WSARecv(socket, buffer, overlapped, flags) -> (rc, bytes)       WSASend, WSARecvFrom, WSASendTo alike
    TransmitFile(socket, file, bytes, per_send, overlapped, flags, head, tail) -> rc
    DisconnectEx(socket, overlapped, flags) -> rc

`rc` is 0 for what is done, ERROR_IO_PENDING for what goes on, WSAEMSGSIZE for a datagram of which a part is there;
other failures raise `pywintypes.error`, with Winsock's number where it has one (`winsock_errors`). A socket is one
of `WSASocket`, and closes with `closesocket` or CloseHandle. Without an `overlapped` a call waits for its end.

Source: learn.microsoft.com mswsock.h, winsock2.h; pywin32's win32file. Rows: R26, R34
"""

from __future__ import annotations

from typing import Any

from ..driver_kit import net
from ..drivers.sockets import records as afd
from ..hal.socket_addresses import AF_INET, AF_INET6, AF_UNIX, SOCKADDR_SIZE, pack_address, unpack_address
from ..io_manager.codes import major
from ..io_manager.file_object import FileObject
from ..io_manager.io_status import IoStatusBlock
from ..io_manager.opening.create_parameters import CreateParameters
from ..io_manager.socket_service import socket_control
from ..kernel.event import Event
from ..status import STATUS_PENDING, InvalidParameter, error_for, nt_error
from ..system.default import default_system
from ..system.system import System
from .handles import CloseHandle, find_object, system_of
from .overlapped import OVERLAPPED, check_overlapped, hold, start
from .pyhandle import Handle, PyHANDLE
from .socket_names import resolved
from .transfers import GetOverlappedResult
from .winerror import ERROR_IO_PENDING
from .winsock_errors import winsock_errors, winsock_from_status

__all__ = [
    "AcceptEx", "CalculateSocketEndPointSize", "ConnectEx", "DisconnectEx", "GetAcceptExSockaddrs", "TransmitFile",
    "WSAGetOverlappedResult", "WSARecv", "WSARecvFrom", "WSASend", "WSASendTo", "WSASocket",
    "bind", "closesocket", "getpeername", "getsockname", "listen", "setsockopt", "shutdown",
    "SO_CONNECT_TIME", "SO_UPDATE_ACCEPT_CONTEXT", "SO_UPDATE_CONNECT_CONTEXT", "TF_DISCONNECT", "TF_REUSE_SOCKET",
]  # fmt: skip

TF_DISCONNECT, TF_REUSE_SOCKET = afd.TF_DISCONNECT, afd.TF_REUSE_SOCKET
SO_UPDATE_ACCEPT_CONTEXT, SO_CONNECT_TIME, SO_UPDATE_CONNECT_CONTEXT = 0x700B, 0x700C, 0x7010
#: Options that Windows needs before an accepted or connected socket is whole; here it is whole already.
_NEEDLESS = (SO_UPDATE_ACCEPT_CONTEXT, SO_UPDATE_CONNECT_CONTEXT)
_SOCKET_LEVELS = (0xFFFF, 1)
#: What AcceptEx wants for an address beyond its own size.
_MARGIN = 16
_SIZES = {AF_INET: 16, AF_INET6: 28}
_NOTHING = memoryview(b"")


def WSASocket(
    family: int = AF_INET, kind: int = net.STREAM, protocol: int = 0, *, system: System | None = None
) -> PyHANDLE:
    """Make an overlapped socket; numbers are the host's. Raises `pywintypes.error`.

    NT: WSASocketW
    """
    owner = system or default_system()
    access = major.FILE_GENERIC_READ | major.FILE_GENERIC_WRITE
    with winsock_errors("WSASocket"):
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
    with winsock_errors("bind"):
        file_object = _socket(s, system)
        _wait(file_object, afd.IOCTL_AFD_BIND, pack_address(_family(file_object), address))


def listen(s: Handle, backlog: int, *, system: System | None = None) -> None:
    """Take connections; raises `pywintypes.error`.

    NT: listen
    """
    with winsock_errors("listen"):
        _wait(_socket(s, system), afd.IOCTL_AFD_START_LISTEN, int(backlog))


def shutdown(s: Handle, how: int, *, system: System | None = None) -> None:
    """Send the last byte (1), receive no more (0), or both (2); raises `pywintypes.error`.

    NT: shutdown
    """
    with winsock_errors("shutdown"):
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
    with winsock_errors("setsockopt"):
        file_object = _socket(s, system)
        if level in _SOCKET_LEVELS and name in _NEEDLESS:
            if name == SO_UPDATE_ACCEPT_CONTEXT and value:
                _socket(value, system)  # the listener
            return
        raw = bytes(value) if isinstance(value, (bytes, bytearray)) else int(value).to_bytes(4, "little", signed=True)
        _wait(file_object, afd.IOCTL_AFD_SET_OPTION, afd.Option(level, name, raw))


# --- overlapped -------------------------------------------------------------------------------------------------------


def CalculateSocketEndPointSize(socket: Handle, *, system: System | None = None) -> int:
    """How many bytes AcceptEx needs for the two addresses of a connection.

    NT: none; pywin32's own
    """
    with winsock_errors("CalculateSocketEndPointSize"):
        return 2 * _room(_family(_socket(socket, system)))


def AcceptEx(
    slistening: Handle, sAccepting: Handle, buffer: Any, ol: OVERLAPPED, *, system: System | None = None
) -> int:
    """Start to accept a connection as `sAccepting`; its first data and the addresses go to `buffer`.

    NT: AcceptEx
    """
    owner = system_of(slistening, system)
    with winsock_errors("AcceptEx"):
        each = _room(_family(find_object(slistening, FileObject, owner)))
        room = len(memoryview(buffer).cast("B")) - 2 * each
        if room < 0:
            raise InvalidParameter(f"the buffer has no room for two addresses: {-room} bytes are missing")
        accepting = find_object(sAccepting, FileObject, owner)
        record = afd.Accept(accepting, room, each, each)
        return _start(slistening, owner, afd.IOCTL_AFD_SUPER_ACCEPT, record, buffer, ol)[0]


def GetAcceptExSockaddrs(sAccepting: Handle, buffer: Any, *, system: System | None = None) -> tuple[int, Any, Any]:
    """What an AcceptEx left in its buffer: (family, local address, remote address); hosts of IPv4 are bytes.

    NT: GetAcceptExSockaddrs
    """
    with winsock_errors("GetAcceptExSockaddrs"):
        family = _family(_socket(sAccepting, system))
        room = _room(family)
        raw = bytes(memoryview(buffer).cast("B")[-2 * room :])
        return family, _told(raw[:room]), _told(raw[room:])


def _room(family: int) -> int:
    """How many bytes AcceptEx wants for one address, as many as on Windows: 32 for IPv4."""
    return _SIZES.get(family, SOCKADDR_SIZE) + _MARGIN


def _told(raw: bytes) -> Any:
    """An address as pywin32 tells it: the host of one of IPv4 is bytes."""
    address = _unpacked(raw)
    return (address[0].encode(), address[1]) if isinstance(address, tuple) and len(address) == 2 else address


def _unpacked(raw: bytes) -> Any:
    """An address in a room that is longer; None for a peer that has none."""
    if not raw.strip(b"\0") or (int.from_bytes(raw[:2], "little") == AF_UNIX and not raw[2:].strip(b"\0")):
        return None
    return unpack_address(raw.rstrip(b"\0") if raw[:3] == b"\1\0\0" else raw)


def ConnectEx(
    s: Handle, name: Any, Overlapped: OVERLAPPED, SendBuffer: Any = b"", *, system: System | None = None
) -> tuple[int, int]:
    """Start to connect, and to send `SendBuffer` then: (rc, bytes sent).

    NT: ConnectEx
    """
    owner = system_of(s, system)
    with winsock_errors("ConnectEx"):
        family = _family(find_object(s, FileObject, owner))
        address = pack_address(family, resolved(family, name))
        return _start(s, owner, afd.IOCTL_AFD_SUPER_CONNECT, address, SendBuffer, Overlapped, writing=False)


def DisconnectEx(s: Handle, ol: OVERLAPPED | None, flags: int = 0, *, system: System | None = None) -> int:
    """End a connection; with TF_REUSE_SOCKET the socket may be used for another.

    NT: DisconnectEx
    """
    owner = system_of(s, system)
    with winsock_errors("DisconnectEx"):
        return _start(s, owner, afd.IOCTL_AFD_SUPER_DISCONNECT, int(flags), None, ol)[0]


def WSARecv(
    s: Handle, buffer: Any, ol: OVERLAPPED | None, dwFlags: int = 0, *, system: System | None = None
) -> tuple[int, int]:
    """Receive into a buffer: (rc, bytes); no bytes with 0 say that the peer has sent its last.

    NT: WSARecv
    """
    owner = system_of(s, system)
    with winsock_errors("WSARecv"):
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
    with winsock_errors("WSASend"):
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
    with winsock_errors("WSASendTo"):
        record = afd.Transfer(dwFlags, pack_address(_family(find_object(s, FileObject, owner)), address))
        return _start(s, owner, afd.IOCTL_AFD_SEND_DATAGRAM, record, buffer, ol, writing=False)


def WSARecvFrom(
    s: Handle, buffer: Any, sender: afd.Transfer, ol: OVERLAPPED | None, *, system: System | None = None
) -> tuple[int, int]:
    """Receive one datagram: (rc, bytes); `sender.address` is its sender's `struct sockaddr` when it is there.

    NT: WSARecvFrom
    """
    owner = system_of(s, system)
    with winsock_errors("WSARecvFrom"):
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
    with winsock_errors("TransmitFile"):
        file_object = None if File is None else find_object(File, FileObject, owner)
        offset = 0 if Overlapped is None else Overlapped.position
        count = NumberOfBytesToWrite or None
        record = afd.Transmit(file_object, offset, count, NumberOfBytesPerSend, Flags, Head or b"", Tail or b"")
        return _start(Socket, owner, afd.IOCTL_AFD_TRANSMIT_FILE, record, None, Overlapped)[0]


def WSAGetOverlappedResult(
    s: Handle, lpOverlapped: OVERLAPPED, fWait: bool, *, system: System | None = None
) -> tuple[int, int]:
    """What came of a request: (bytes, flags), flags 0. Raises `pywintypes.error`; WSA_IO_INCOMPLETE (996): nothing yet.

    NT: WSAGetOverlappedResult
    """
    with winsock_errors("WSAGetOverlappedResult"):
        return GetOverlappedResult(s, lpOverlapped, fWait, system=system), 0


# --- what all share ---------------------------------------------------------------------------------------------------


def _socket(s: Handle, system: System | None) -> FileObject:
    return find_object(s, FileObject, system)


def _family(file_object: FileObject) -> int:
    return int(file_object.fs_context.family)


def _kind(file_object: FileObject) -> int:
    return int(file_object.fs_context.kind)


def _address(function: str, s: Handle, system: System | None, code: int) -> Any:
    with winsock_errors(function):
        room = bytearray(SOCKADDR_SIZE)
        count = _wait(_socket(s, system), code, afd.Transfer(), memoryview(room))
        return unpack_address(bytes(room[:count]))


def _wait(file_object: FileObject, code: int, record: Any, view: memoryview = _NOTHING) -> int:
    """Make a request and wait for its end; returns how many bytes."""
    return _waited(file_object, code, record, view).information


def _waited(file_object: FileObject, code: int, record: Any, view: memoryview) -> IoStatusBlock:
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
    answer.status = status
    return answer


def _start(
    s: Handle, owner: System, code: int, record: Any, buffer: Any, ol: OVERLAPPED | None, *, writing: bool = True
) -> tuple[int, int]:
    file_object = find_object(s, FileObject, owner)
    view, release = hold(owner, b"" if buffer is None else buffer, writing=writing and buffer is not None)
    if ol is None:
        try:
            answer = _waited(file_object, code, record, view)
            return winsock_from_status(answer.status), answer.information
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
    return (ERROR_IO_PENDING, 0) if status == STATUS_PENDING else (winsock_from_status(status), ol.InternalHigh)
