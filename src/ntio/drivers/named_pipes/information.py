"""What can be asked about a pipe's end and changed on it, and what a peek answers, as bytes.

    FilePipeInformation         how this end reads (bytes, messages) and whether it waits; may be changed
    FilePipeLocalInformation    the pipe's type, direction, instances and quotas, what is to be read, the state
    the other classes           a file as long as what there is to read

Source: [MS-FSCC] 2.4.29, 2.4.30; learn.microsoft.com FSCTL_PIPE_PEEK. Rows: R34
"""

from __future__ import annotations

from ...driver_kit import FileFacts, Irp, abi, complete_information, major, pack, status
from .instance import Instance, PipeEnd
from .pipes import OpenEnd


def query(opened: OpenEnd, irp: Irp) -> int:
    """Complete a query about an end of a pipe."""
    pipe, machine, end = opened.pipe, opened.conversation.machine, opened.end
    number = irp.location.argument
    if number == major.FILE_PIPE_INFORMATION_CLASS:
        return complete_information(irp, pack(abi.FILE_PIPE_INFORMATION, end.message_mode, end.nowait))
    if number == major.FILE_PIPE_LOCAL_INFORMATION_CLASS:
        wanted = pipe.parameters
        data = pack(
            abi.FILE_PIPE_LOCAL_INFORMATION,
            wanted.messages, pipe.direction, wanted.maximum_instances, len(pipe.instances),
            machine.inbound.quota, end.incoming.size,
            machine.outbound.quota, max(end.outgoing.quota - end.outgoing.size, 0),
            state_of(machine, end), end.server,
        )  # fmt: skip
        return complete_information(irp, data)
    name = f"\\{pipe.name}" if pipe.name else ""
    return FileFacts(name, end.incoming.size, end.incoming.quota).answer(irp)


def change(opened: OpenEnd, irp: Irp) -> int:
    """Complete a request to change how an end reads, and whether it waits."""
    if irp.location.argument != major.FILE_PIPE_INFORMATION_CLASS or irp.buffer is None:
        return irp.complete(status.STATUS_INVALID_PARAMETER)
    messages, nowait = (int.from_bytes(irp.buffer[at : at + 4], "little") for at in (0, 4))
    if messages > opened.pipe.parameters.messages or nowait > 1:
        return irp.complete(status.STATUS_INVALID_PARAMETER)
    end = opened.end
    with opened.conversation.locked():
        busy = nowait and not end.nowait and end.incoming.readers
        if not busy:
            end.message_mode, end.nowait = bool(messages), bool(nowait)
    return irp.complete(status.STATUS_PIPE_BUSY if busy else status.STATUS_SUCCESS)


def peek(opened: OpenEnd, irp: Irp) -> int:
    """Complete a peek: state, bytes and messages to be read, and behind that as many of the bytes as there is room for.

    NT: FSCTL_PIPE_PEEK
    """
    head, room = abi.FILE_PIPE_PEEK_BUFFER.itemsize, irp.location.length
    if room < head or irp.buffer is None:
        return irp.complete(status.STATUS_INVALID_PARAMETER)
    end = opened.end
    with opened.conversation.locked() as machine:
        code, count = machine.peek(end, irp.buffer[head:room])
        known = (state_of(machine, end), end.incoming.size, *end.incoming.messages_ready())
    if status.nt_error(code):
        return irp.complete(code)
    irp.buffer[:head] = pack(abi.FILE_PIPE_PEEK_BUFFER, *known)
    return irp.complete(code, head + count)


def state_of(machine: Instance, end: PipeEnd) -> int:
    """The state as that end sees it: a client that was sent away is disconnected, whatever the server does now."""
    return int(machine.state) if end.attached else 1
