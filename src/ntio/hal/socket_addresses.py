"""Addresses of sockets as the host lays them out (`struct sockaddr`), and as Python has them.

    2, AF_INET     (host, port)                  16 bytes: family, port in network order, 4 bytes of address
    10, AF_INET6   (host, port, flow, scope)     28 bytes: family, port, flow, 16 bytes of address, scope
    1, AF_UNIX     path or bytes                 family, then the path; one that starts with a NUL is abstract

Sources: `ip(7)`, `ipv6(7)`, `unix(7)`. Rows: R34
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import Any

from ..status import InvalidParameter

AF_UNIX, AF_INET, AF_INET6 = 1, 2, 10
SOCKADDR_SIZE = 128


def pack_address(family: int, address: Any) -> bytes:
    """The host's form of an address; raises InvalidParameter for what is none of that family."""
    try:
        if family == AF_UNIX:
            path = address if isinstance(address, bytes) else os.fsencode(address)
            if len(path) > 107:
                raise ValueError("longer than 107 bytes")
            return struct.pack("<H", family) + path + (b"" if path.startswith(b"\0") else b"\0")
        host, port, *more = address
        raw = socket.inet_pton(family, host or ("0.0.0.0" if family == AF_INET else "::"))
        if family == AF_INET:
            return struct.pack("<H", family) + struct.pack(">H", port) + raw + bytes(8)
        flow, scope = (*more, 0, 0)[:2]
        return struct.pack("<H", family) + struct.pack(">HI", port, flow) + raw + struct.pack("<I", scope)
    except (OSError, TypeError, ValueError, struct.error) as error:
        raise InvalidParameter(f"{address!r} is no address of family {family}: {error}") from None


def unpack_address(raw: bytes) -> Any:
    """An address of the host's form as Python has it; None for one of no bytes."""
    if len(raw) < 2:
        return None
    family = struct.unpack_from("<H", raw)[0]
    if family == AF_INET and len(raw) >= 8:
        return socket.inet_ntop(family, raw[4:8]), struct.unpack_from(">H", raw, 2)[0]
    if family == AF_INET6 and len(raw) >= 28:
        port, flow = struct.unpack_from(">HI", raw, 2)
        return socket.inet_ntop(family, raw[8:24]), port, flow, struct.unpack_from("<I", raw, 24)[0]
    if family == AF_UNIX:
        path = raw[2:]
        return path if path.startswith(b"\0") else os.fsdecode(path.split(b"\0")[0])
    raise OSError(errno.EAFNOSUPPORT, f"an address of family {family}")
