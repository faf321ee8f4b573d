"""Connections for tests of groups: as many as are asked for, and the port they arrive at."""

from __future__ import annotations

import ntio
from socket_peers import SECONDS, listening

Pair = tuple[ntio.Socket, ntio.Socket]


class Ends:
    """A port, and as many connections as are asked for."""

    def __init__(self, system: ntio.System) -> None:
        self.system = system
        self.port = ntio.CompletionPort(2, system=system)
        self._listener = listening(system)
        self._open: list[ntio.Socket] = [self._listener]

    def pair(self) -> Pair:
        """Both ends of a connection: client, server."""
        client = ntio.Socket(system=self.system)
        client.connect(self._listener.address)
        server = self._listener.accept(SECONDS)
        self._open += [client, server]
        return client, server

    def packet(self) -> ntio.Packet:
        packet = self.port.get(SECONDS)
        assert packet is not None
        return packet

    def close(self) -> None:
        for one in self._open:
            one.close()
        self.port.close()
