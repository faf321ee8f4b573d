r"""What goes in and out of the device: control codes, and the records that come with them.

The codes are those that programs send to `\Device\Afd` on Windows, all METHOD_NEITHER, so that the input reaches the
driver as it is. The records are this driver's own: where Windows has a structure full of pointers, a face of the
system hands over one of these. Data travel as the output buffer, in both directions.

Source: the codes' numbers as the wepoll and mio projects publish them. Rows: R34
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ...driver_kit import FileObject


def _code(operation: int) -> int:
    return 0x12 << 12 | operation << 2 | 3


IOCTL_AFD_BIND: Final = _code(0)
IOCTL_AFD_START_LISTEN: Final = _code(2)
IOCTL_AFD_RECEIVE: Final = _code(5)
IOCTL_AFD_RECEIVE_DATAGRAM: Final = _code(6)
IOCTL_AFD_SEND: Final = _code(7)
IOCTL_AFD_SEND_DATAGRAM: Final = _code(8)
IOCTL_AFD_PARTIAL_DISCONNECT: Final = _code(10)
IOCTL_AFD_GET_ADDRESS: Final = _code(11)
IOCTL_AFD_GET_REMOTE_ADDRESS: Final = _code(15)
IOCTL_AFD_TRANSMIT_FILE: Final = _code(31)
IOCTL_AFD_SUPER_ACCEPT: Final = _code(32)
IOCTL_AFD_SET_OPTION: Final = _code(44)
IOCTL_AFD_GET_OPTION: Final = _code(45)
IOCTL_AFD_SUPER_CONNECT: Final = _code(49)
IOCTL_AFD_SUPER_DISCONNECT: Final = _code(50)

#: Flags of DisconnectEx and TransmitFile.
TF_DISCONNECT: Final = 1
TF_REUSE_SOCKET: Final = 2


@dataclass(slots=True)
class Transfer:
    """Of a send or receive: MSG_ flags, and the address a datagram goes to or came from.

    `done` is what a send moved before it had to wait; while the rest has no packet yet its direction is `held`.
    NT: AFD_SEND_INFO, AFD_RECV_INFO
    """

    flags: int = 0
    address: bytes = b""
    done: int = 0
    held: Any = None

    def give_up(self) -> None:
        """The rest is not sent: nobody has to wait for it any more."""
        if self.held is not None:
            self.held.release(self)


@dataclass(slots=True)
class Accept:
    """Of AcceptEx: the socket that becomes the connection, and the room for data and for the two addresses.

    NT: AFD_SUPER_ACCEPT_INFO
    """

    socket: FileObject
    data: int = 0
    local: int = 0
    remote: int = 0


@dataclass(slots=True)
class Option:
    """An option of a socket: where it is, and its value, `size` bytes long when it is asked for.

    NT: AFD_TRANSPORT_IOCTL_INFO
    """

    level: int
    name: int
    value: bytes = b""
    size: int = 0


@dataclass(slots=True)
class Transmit:
    """Of TransmitFile: `count` bytes of a file from `offset` on (None: all), between a head and a tail.

    NT: AFD_TRANSMIT_FILE_INFO
    """

    file: FileObject | None = None
    offset: int = 0
    count: int | None = None
    per_send: int = 0
    flags: int = 0
    head: Any = b""
    tail: Any = b""
