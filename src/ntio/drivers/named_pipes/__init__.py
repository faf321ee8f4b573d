r"""Named pipes in memory: `\Device\NamedPipe`, with the pipes as names below it.

    pipes          what the instances of one name have in common, who may open it
    instance       one instance: its states, its two ends, as plain steps
    data_queue     one direction of an instance: bytes, messages, quota, who waits
    conversation   an instance with packets that may be cancelled
    waiting        clients that wait for an instance to listen
    information    what can be asked of an end, and a peek
    listing        the list of pipes, read as a directory

IRP_MJ_CREATE_NAMED_PIPE makes a server's end, IRP_MJ_CREATE a client's. A server that names its pipe by nothing,
relative to an open `\Device\NamedPipe\`, makes one without a name, whose client opens it relative to the server's end:
an anonymous pipe. Reads and writes work on the caller's own memory; only what is written ahead of a reader is copied.

Source: spec iocp.md 5, 6, 7, 12; learn.microsoft.com "Named Pipes", "Pipe Functions"; [MS-FSCC] 2.3.
Rows: R31, R33, R34
"""

from __future__ import annotations

from ...driver_kit import (
    CreateParameters,
    DeviceObject,
    Driver,
    FileObject,
    Irp,
    Privilege,
    SpinLock,
    VolumeFacts,
    abi,
    input_of,
    major,
    status,
)
from . import information, listing
from .conversation import Conversation
from .data_queue import Request
from .pipes import (
    CREATE_INSTANCE,
    INBOUND,
    OUTBOUND,
    OpenEnd,
    Pipe,
    check_direction,
    check_further,
    check_new,
    direction_of,
    new_descriptor,
)
from .waiting import WaitQueue

#: How a client asks to wait as long as it takes.
_FOREVER = -(1 << 63)
#: Where the name begins in what a client waits for.
_NAME_AT = 14


class NamedPipes(Driver):
    r"""The file system of named pipes."""

    def __init__(self) -> None:
        self._pipes: dict[str, Pipe] = {}

    def add_device(self, lower: DeviceObject | None = None) -> DeviceObject:
        r"""Make `\Device\NamedPipe`."""
        device = self.create_device("\\Device\\NamedPipe", major.FILE_DEVICE_NAMED_PIPE)
        self._lock = SpinLock(device.driver.io.irql)
        self._waiting = WaitQueue(device)
        return device

    def unload(self) -> None:
        """End the waits for instances, and the thread that limits them."""
        self._waiting.close()

    # --- opening ----------------------------------------------------------------------------------------------------

    def dispatch_create_named_pipe(self, device: DeviceObject, irp: Irp) -> int:
        """Make a server's end: the first of a pipe, or one instance more."""
        file_object, parameters = _opening(irp)
        try:
            name = _name_of(file_object)
            opened, answer = self._make(device, irp, name, parameters)
        except status.NtError as error:
            return irp.complete(error.status)
        _attach(file_object, opened)
        self._waiting.wake(opened.pipe.key)
        return irp.complete(information=answer)

    def dispatch_create(self, device: DeviceObject, irp: Irp) -> int:
        """Open the client's end of an instance that listens, or the device itself."""
        file_object, parameters = _opening(irp)
        related = None if file_object.related_file_object is None else file_object.related_file_object.fs_context
        if file_object.file_name in ("", "\\") and related is None:
            return irp.complete(information=major.FILE_OPENED)
        try:
            pipe = related.pipe if isinstance(related, OpenEnd) else self._find(_key(_name_of(file_object)))
            if pipe is None or (related is not None and file_object.file_name):
                return irp.complete(status.STATUS_OBJECT_NAME_NOT_FOUND)
            check_direction(pipe, parameters.access)
            granted = self._granted(pipe, irp, parameters.access)
        except status.NtError as error:
            return irp.complete(error.status)
        opened = self._connect(pipe)
        if opened is None:
            return irp.complete(status.STATUS_PIPE_NOT_AVAILABLE)
        if parameters.access & major.MAXIMUM_ALLOWED:
            file_object.access = granted
        _attach(file_object, opened)
        return irp.complete(information=major.FILE_OPENED)

    def _make(self, device: DeviceObject, irp: Irp, name: str, parameters: CreateParameters) -> tuple[OpenEnd, int]:
        wanted = parameters.pipe
        assert wanted is not None
        direction = direction_of(parameters.share)
        conversation = Conversation(
            device, messages=wanted.messages, inbound_quota=wanted.inbound_quota, outbound_quota=wanted.outbound_quota
        )
        key = _key(name)
        with self._lock:
            pipe = self._pipes.get(key) if key else None
            answer = major.FILE_CREATED if pipe is None else major.FILE_OPENED
            if pipe is None:
                if parameters.disposition == major.FILE_OPEN:
                    raise status.error_for(status.STATUS_OBJECT_NAME_NOT_FOUND, "no such pipe", name)
                check_new(wanted)
                descriptor = new_descriptor(parameters.security, device.driver.io.subject())
                pipe = Pipe(name, key, wanted, direction, descriptor, [])
                if key:
                    self._pipes[key] = pipe
            else:
                self._granted(pipe, irp, CREATE_INSTANCE)
                check_further(pipe, parameters, direction)
            pipe.instances.append(conversation)
        end = conversation.machine.server
        end.message_mode, end.nowait = wanted.read_messages, wanted.nowait
        return OpenEnd(pipe, conversation, end), answer

    def _find(self, key: str) -> Pipe | None:
        with self._lock:
            return self._pipes.get(key)

    def _connect(self, pipe: Pipe) -> OpenEnd | None:
        subject = self.driver_object.io.subject()
        for conversation in list(pipe.instances):
            with conversation.locked() as machine:
                end = machine.connect(subject)
            if end is not None:
                return OpenEnd(pipe, conversation, end)
        return None

    def _granted(self, pipe: Pipe, irp: Irp, wanted: int) -> int:
        """What a caller may do with a pipe of what it wants; raises NtError where it may not do all of it."""
        if irp.requestor_mode == major.KERNEL_MODE:
            return wanted
        io = self.driver_object.io
        code, granted = io.access.check(pipe.descriptor, io.subject(), wanted)
        if not status.nt_success(code):
            raise status.error_for(code, "the pipe's security descriptor does not allow it", pipe.name)
        return granted

    # --- closing ----------------------------------------------------------------------------------------------------

    def dispatch_cleanup(self, device: DeviceObject, irp: Irp) -> int:
        """The last handle of an end is closed: what waits on it ends, and the other end is told in time."""
        opened = _opened(irp)
        if opened is None:
            self._waiting.cancel_all(irp.location.file_object)
            return irp.complete()
        with opened.conversation.locked() as machine:
            gone = machine.close(opened.end)
        if gone or opened.end.server:
            self._forget(opened)
        return irp.complete()

    def _forget(self, opened: OpenEnd) -> None:
        """An instance nobody can come to any more; the name goes with the last."""
        pipe = opened.pipe
        with self._lock:
            machine = opened.conversation.machine
            over = not machine.server.open and (machine.client is None or not machine.client.open)
            if over and opened.conversation in pipe.instances:
                pipe.instances.remove(opened.conversation)
            if not pipe.instances and self._pipes.get(pipe.key) is pipe:
                del self._pipes[pipe.key]

    # --- data -------------------------------------------------------------------------------------------------------

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        """Read what is there, or wait for it."""
        opened = _opened(irp)
        if opened is None or opened.pipe.direction == (OUTBOUND if opened.end.server else INBOUND):
            return irp.complete(status.STATUS_INVALID_PARAMETER)
        machine, end = opened.conversation.machine, opened.end
        return opened.conversation.run(irp, Request(irp, irp.buffer), lambda request: machine.read(end, request))

    def dispatch_write(self, device: DeviceObject, irp: Irp) -> int:
        """Write, and wait where the other end has not room for it."""
        opened = _opened(irp)
        if opened is None or opened.pipe.direction == (INBOUND if opened.end.server else OUTBOUND):
            return irp.complete(status.STATUS_INVALID_PARAMETER)
        machine, end = opened.conversation.machine, opened.end
        return opened.conversation.run(irp, Request(irp, irp.buffer), lambda request: machine.write(end, request))

    def dispatch_flush_buffers(self, device: DeviceObject, irp: Irp) -> int:
        """Wait until the other end has read everything."""
        opened = _opened(irp)
        if opened is None:
            return irp.complete()
        machine, end = opened.conversation.machine, opened.end
        return opened.conversation.run(irp, Request(irp), lambda request: machine.flush(end, request))

    # --- asking and telling -----------------------------------------------------------------------------------------

    def dispatch_query_information(self, device: DeviceObject, irp: Irp) -> int:
        """What there is to know about an end."""
        opened = _opened(irp)
        return irp.complete(status.STATUS_INVALID_PARAMETER) if opened is None else information.query(opened, irp)

    def dispatch_set_information(self, device: DeviceObject, irp: Irp) -> int:
        """Change how an end reads."""
        opened = _opened(irp)
        return irp.complete(status.STATUS_INVALID_PARAMETER) if opened is None else information.change(opened, irp)

    def dispatch_directory_control(self, device: DeviceObject, irp: Irp) -> int:
        """The list of pipes."""
        with self._lock:
            pipes = list(self._pipes.values())
        return listing.query(pipes, irp)

    def dispatch_query_volume_information(self, device: DeviceObject, irp: Irp) -> int:
        """There is no medium; the file system is called NPFS."""
        return VolumeFacts(file_system="NPFS", device_type=device.device_type).answer(irp)

    def dispatch_file_system_control(self, device: DeviceObject, irp: Irp) -> int:
        """Listen, disconnect, peek, transceive, wait, impersonate."""
        code, opened = irp.location.control_code, _opened(irp)
        if code == abi.FSCTL_PIPE_WAIT:
            return self._wait(irp)
        if opened is None:
            return irp.complete(status.STATUS_INVALID_DEVICE_REQUEST)
        if code == abi.FSCTL_PIPE_LISTEN:
            return self._listen(opened, irp)
        if code == abi.FSCTL_PIPE_DISCONNECT:
            with opened.conversation.locked() as machine:
                answer = machine.disconnect(opened.end)
            return irp.complete(answer)
        if code == abi.FSCTL_PIPE_PEEK:
            return information.peek(opened, irp)
        if code == abi.FSCTL_PIPE_IMPERSONATE:
            return self._impersonate(opened, irp)
        if code == abi.FSCTL_PIPE_TRANSCEIVE:
            machine, end, message = opened.conversation.machine, opened.end, input_of(irp)
            request = Request(irp, irp.buffer)
            return opened.conversation.run(irp, request, lambda one: machine.transceive(end, message, one))
        return irp.complete(status.STATUS_INVALID_DEVICE_REQUEST)

    def _listen(self, opened: OpenEnd, irp: Irp) -> int:
        machine, end, pipe = opened.conversation.machine, opened.end, opened.pipe
        answer = opened.conversation.run(irp, Request(irp), lambda request: machine.listen(end, request))
        if pipe.listening:
            self._waiting.wake(pipe.key)
        return answer

    def _impersonate(self, opened: OpenEnd, irp: Irp) -> int:
        """Have the calling thread run as the client did when it opened its end, until it says otherwise.

        As somebody else only with the privilege for it. (NT lets one without be asked who the client is, no more.)
        """
        subjects = self.driver_object.io.subjects
        with opened.conversation.locked() as machine:
            code, token = machine.client_of(opened.end)
        if token is not None:
            caller = subjects.current()
            if caller.user != token.user and not caller.holds(Privilege.IMPERSONATE):
                return irp.complete(status.STATUS_PRIVILEGE_NOT_HELD)
            subjects.assume(token)
        return irp.complete(code)

    def _wait(self, irp: Irp) -> int:
        head, data = _NAME_AT, bytes(input_of(irp))
        length = int.from_bytes(data[8:12], "little")
        if len(data) < head + length or length & 1 or not length:
            return irp.complete(status.STATUS_INVALID_PARAMETER)
        pipe = self._find(_key(data[head : head + length].decode("utf-16-le", "surrogatepass")))
        if pipe is None:
            return irp.complete(status.STATUS_OBJECT_NAME_NOT_FOUND)
        limit = int.from_bytes(data[:8], "little", signed=True)
        seconds: float | None = pipe.timeout
        if data[12]:
            seconds = None if limit == _FOREVER else abs(limit) / 10_000_000
        return self._waiting.wait(irp, pipe.key, seconds, lambda: pipe.listening)


def _opening(irp: Irp) -> tuple[FileObject, CreateParameters]:
    file_object, parameters = irp.location.file_object, irp.location.argument
    assert file_object is not None
    return file_object, parameters


def _name_of(file_object: FileObject) -> str:
    """The name of the pipe that is being opened; empty for one without. Raises NtError."""
    related, name = file_object.related_file_object, file_object.file_name
    anonymous = related is not None and not isinstance(related.fs_context, OpenEnd) and not name
    if not anonymous and not name.removeprefix("\\"):
        raise status.error_for(status.STATUS_OBJECT_NAME_INVALID, "a pipe has a name", name)
    return name.removeprefix("\\")


def _key(name: str) -> str:
    return name.removeprefix("\\").casefold()


def _attach(file_object: FileObject, opened: OpenEnd) -> None:
    file_object.fs_context = opened
    file_object.flags |= major.FO_NAMED_PIPE
    file_object.readable = bool(file_object.access & major.FILE_READ_DATA)
    file_object.writable = bool(file_object.access & (major.FILE_WRITE_DATA | major.FILE_APPEND_DATA))


def _opened(irp: Irp) -> OpenEnd | None:
    """The end a request is about; None for the device itself."""
    file_object = irp.location.file_object
    assert file_object is not None
    opened: OpenEnd | None = file_object.fs_context
    return opened
