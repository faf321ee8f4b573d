r"""Sockets as a device: `\Device\Afd`, which every program's sockets are files of.

    Endpoint\family\type\protocol         a socket (numbers as in socket(2))
    Endpoint\family\type\protocol\later   one without a socket of the host yet: a connection will become it

    endpoint       one socket, and what a transfer tries          connecting      accept, connect, shut down
    waiting        requests that wait for one direction           transmitting    TransmitFile
    records        control codes and what comes with them

A send or receive is tried before any packet is made (`fast_io_device_control`); it is done there when the data are
there, or the room. Otherwise a packet waits among the socket's receives or sends, and the same attempt is made again
when the host has news of the socket. Both ways run the same code, so that only the packet is the difference.

Source: learn.microsoft.com Winsock; spec iomgr.md 6; iocp.md 12 (socket_recv). Rows: R26, R34
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ...driver_kit import (
    DeviceObject,
    Driver,
    FileObject,
    HostSocket,
    IoStatusBlock,
    Irp,
    major,
    net,
    status,
)
from .connecting import Accepting, Connecting, Disconnecting, shut_down
from .endpoint import Endpoint, State, failure
from .records import (
    IOCTL_AFD_BIND,
    IOCTL_AFD_GET_ADDRESS,
    IOCTL_AFD_GET_OPTION,
    IOCTL_AFD_GET_REMOTE_ADDRESS,
    IOCTL_AFD_PARTIAL_DISCONNECT,
    IOCTL_AFD_RECEIVE,
    IOCTL_AFD_RECEIVE_DATAGRAM,
    IOCTL_AFD_SEND,
    IOCTL_AFD_SEND_DATAGRAM,
    IOCTL_AFD_SET_OPTION,
    IOCTL_AFD_START_LISTEN,
    IOCTL_AFD_SUPER_ACCEPT,
    IOCTL_AFD_SUPER_CONNECT,
    IOCTL_AFD_SUPER_DISCONNECT,
    IOCTL_AFD_TRANSMIT_FILE,
    Transfer,
)
from .transmitting import Transmission
from .waiting import Outcome

#: What is tried without a packet: which attempt, and in which direction.
_MOVES: dict[int, tuple[Callable[[Endpoint, Any, Transfer], Outcome | None], bool]] = {
    IOCTL_AFD_RECEIVE: (Endpoint.receive, False),
    IOCTL_AFD_SEND: (Endpoint.send, True),
    IOCTL_AFD_RECEIVE_DATAGRAM: (Endpoint.receive_datagram, False),
    IOCTL_AFD_SEND_DATAGRAM: (Endpoint.send_datagram, True),
}


class Sockets(Driver):
    """The driver of all sockets."""

    def add_device(self, lower: DeviceObject | None = None) -> DeviceObject:
        r"""Make `\Device\Afd`."""
        return self.create_device("\\Device\\Afd", major.FILE_DEVICE_NAMED_PIPE)

    # --- opening and closing ----------------------------------------------------------------------------------------

    def dispatch_create(self, device: DeviceObject, irp: Irp) -> int:
        """Open a socket of the family, type and protocol that its name says."""
        file_object = irp.location.file_object
        assert file_object is not None
        try:
            endpoint, later = self._make(device, file_object.file_name)
            if not later:
                endpoint.with_host(lambda host: None)
        except status.NtError as error:
            return irp.complete(error.status)
        file_object.fs_context = endpoint
        # What makes the I/O manager try reads and writes of a synchronous file the fast way; there is no cache.
        file_object.private_cache_map = endpoint
        file_object.flags |= major.FO_NAMED_PIPE  # no positions
        return irp.complete(information=major.FILE_OPENED)

    def _make(self, device: DeviceObject, name: str) -> tuple[Endpoint, bool]:
        words = name.lower().split("\\")[1:]
        later = words[-1:] == ["later"]
        numbers = words[1:-1] if later else words[1:]
        if words[:1] != ["endpoint"] or len(numbers) != 3 or not all(map(str.isdecimal, numbers)):
            raise status.error_for(status.STATUS_OBJECT_NAME_NOT_FOUND, "no name of a socket", name)
        if device.driver.io.hal.name == "simulated":
            raise status.PlatformNotSupported("the simulated machine has no network")
        family, kind, protocol = map(int, numbers)
        return Endpoint(device, family, kind, protocol), later

    def dispatch_cleanup(self, device: DeviceObject, irp: Irp) -> int:
        """The last handle is closed: requests that wait end as cancelled, and the peer sees the end."""
        _endpoint(irp).close()
        return irp.complete()

    # --- without a packet -------------------------------------------------------------------------------------------

    def fast_io_device_control(
        self,
        file_object: FileObject,
        wait: bool,
        input_buffer: Any,
        input_length: int,
        output_buffer: Any,
        output_length: int,
        code: int,
        answer: IoStatusBlock,
        device: DeviceObject,
    ) -> bool:
        """Send or receive now, if there is room or data and nobody waits before; an error too is told at once."""
        known = _MOVES.get(code)
        if known is None or type(input_buffer) is not Transfer or input_buffer.flags & ~net.ALLOWED_FLAGS:
            return False
        endpoint: Endpoint = file_object.fs_context
        move, sends = known
        queue = endpoint.sends if sends else endpoint.receives
        outcome = queue.try_now(move, endpoint, _NOTHING if output_buffer is None else output_buffer, input_buffer)
        if outcome is None:
            return False
        answer.status, answer.information = outcome
        return True

    def fast_io_read(
        self,
        file_object: FileObject,
        offset: int,
        length: int,
        wait: bool,
        key: int,
        buffer: Any,
        answer: IoStatusBlock,
        device: DeviceObject,
    ) -> bool:
        """Receive now, if data are there."""
        endpoint: Endpoint = file_object.fs_context
        move = Endpoint.receive_datagram if endpoint.datagrams else Endpoint.receive
        outcome = endpoint.receives.try_now(move, endpoint, buffer, Transfer())
        if outcome is None:
            return False
        answer.status, answer.information = outcome
        return True

    # --- with a packet ----------------------------------------------------------------------------------------------

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        """Receive."""
        endpoint = _endpoint(irp)
        move = Endpoint.receive_datagram if endpoint.datagrams else Endpoint.receive
        return endpoint.receives.run(irp, partial(move, endpoint, irp.buffer, Transfer()))

    def dispatch_write(self, device: DeviceObject, irp: Irp) -> int:
        """Send."""
        endpoint = _endpoint(irp)
        move = Endpoint.send_datagram if endpoint.datagrams else Endpoint.send
        return endpoint.sends.run(irp, partial(move, endpoint, irp.buffer, Transfer()))

    def dispatch_device_control(self, device: DeviceObject, irp: Irp) -> int:
        """Everything else that can be asked of a socket."""
        location = irp.location
        routine = _CONTROLS.get(location.control_code)
        if routine is None:
            return irp.complete(status.STATUS_INVALID_DEVICE_REQUEST)
        record = location.argument
        if record is None or isinstance(record, memoryview):  # bytes mean nothing here (`records`)
            return irp.complete(status.STATUS_INVALID_PARAMETER)
        try:
            return routine(location.file_object.fs_context, irp, record)  # type: ignore[union-attr]
        except status.NtError as error:
            return irp.complete(error.status)


_NOTHING = memoryview(b"")


def _endpoint(irp: Irp) -> Endpoint:
    endpoint: Endpoint = irp.location.file_object.fs_context  # type: ignore[union-attr]
    return endpoint


def _transfer(endpoint: Endpoint, irp: Irp, record: Transfer) -> int:
    if record.flags & ~net.ALLOWED_FLAGS:
        return irp.complete(status.STATUS_INVALID_PARAMETER)
    move, sends = _MOVES[irp.location.control_code]
    return (endpoint.sends if sends else endpoint.receives).run(irp, partial(move, endpoint, irp.buffer, record))


def _bind(endpoint: Endpoint, irp: Irp, address: bytes) -> int:
    result = endpoint.with_host(lambda host: host.bind(address))
    endpoint.bound = endpoint.bound or not result
    return irp.complete(failure(result) if result else status.STATUS_SUCCESS)


def _listen(endpoint: Endpoint, irp: Irp, backlog: int) -> int:
    if endpoint.state not in (State.NEW, State.LISTENING):
        return irp.complete(status.STATUS_INVALID_PARAMETER)
    result = endpoint.with_host(lambda host: host.listen(backlog))
    if not result:
        endpoint.state = State.LISTENING
    return irp.complete(failure(result) if result else status.STATUS_SUCCESS)


def _accept(endpoint: Endpoint, irp: Irp, record: Any) -> int:
    accepting = record.socket.fs_context
    short = len(irp.buffer or b"") < record.data + record.local + record.remote
    if not isinstance(accepting, Endpoint) or accepting is endpoint or short or record.data < 0:
        return irp.complete(status.STATUS_INVALID_PARAMETER)
    return Accepting(endpoint, accepting, record, irp.buffer).start(irp)


def _connect(endpoint: Endpoint, irp: Irp, address: bytes) -> int:
    return Connecting(endpoint, address, irp.buffer).start(irp)


def _shut_down(endpoint: Endpoint, irp: Irp, how: int) -> int:
    return irp.complete(shut_down(endpoint, how))


def _disconnect(endpoint: Endpoint, irp: Irp, flags: int) -> int:
    return Disconnecting(endpoint, flags).start(irp)


def _transmit(endpoint: Endpoint, irp: Irp, record: Any) -> int:
    return Transmission(endpoint, record).start(irp)


def _address(endpoint: Endpoint, irp: Irp, record: Any) -> int:
    local = irp.location.control_code == IOCTL_AFD_GET_ADDRESS
    return _answer(irp, endpoint.with_host(HostSocket.name if local else HostSocket.peer))


def _answer(irp: Irp, data: bytes) -> int:
    if len(data) > len(irp.buffer or b""):
        return irp.complete(status.STATUS_BUFFER_TOO_SMALL)
    irp.buffer[: len(data)] = data  # type: ignore[index]
    return irp.complete(information=len(data))


def _set_option(endpoint: Endpoint, irp: Irp, record: Any) -> int:
    result = endpoint.with_host(lambda host: host.set_option(record.level, record.name, record.value))
    return irp.complete(failure(result) if result else status.STATUS_SUCCESS)


def _get_option(endpoint: Endpoint, irp: Irp, record: Any) -> int:
    value = endpoint.with_host(lambda host: host.option(record.level, record.name, record.size))
    return irp.complete(failure(value)) if isinstance(value, int) else _answer(irp, value)


_CONTROLS: dict[int, Callable[[Endpoint, Irp, Any], int]] = {
    **dict.fromkeys(_MOVES, _transfer),
    IOCTL_AFD_BIND: _bind,
    IOCTL_AFD_START_LISTEN: _listen,
    IOCTL_AFD_SUPER_ACCEPT: _accept,
    IOCTL_AFD_SUPER_CONNECT: _connect,
    IOCTL_AFD_PARTIAL_DISCONNECT: _shut_down,
    IOCTL_AFD_SUPER_DISCONNECT: _disconnect,
    IOCTL_AFD_TRANSMIT_FILE: _transmit,
    IOCTL_AFD_GET_ADDRESS: _address,
    IOCTL_AFD_GET_REMOTE_ADDRESS: _address,
    IOCTL_AFD_SET_OPTION: _set_option,
    IOCTL_AFD_GET_OPTION: _get_option,
}
