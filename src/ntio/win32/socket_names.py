"""Names of hosts in addresses: the calls of the Win32 face take ("localhost", 80) as Python's sockets do.

Source: pywin32's win32file.ConnectEx, which asks `getaddrinfo`; docs.python.org/library/socket. Rows: R26
"""

from __future__ import annotations

import socket
from typing import Any

from ..hal.socket_addresses import pack_address
from ..status import InvalidParameter


def resolved(family: int, address: Any) -> Any:
    """An address in numbers: the first that the host knows for its name; raises socket.gaierror for an unknown one."""
    try:
        pack_address(family, address)
    except InvalidParameter:
        if not isinstance(address, tuple) or len(address) < 2 or not isinstance(address[0], str):
            raise
    else:
        return address
    found = socket.getaddrinfo(address[0], address[1], family)[0][4]
    return (*found[:2], *address[2:])
