r"""The pipes of one device by name: what all instances of a pipe have in common, and who may open it.

The first server makes a pipe, and says how its instances are; further servers add instances as long as there are fewer
than the maximum. The name is free again when the last instance is gone. Names compare without regard to case.

    a further server                               a client
    other type or direction    ACCESS_DENIED       no such name               OBJECT_NAME_NOT_FOUND
    FILE_CREATE                ACCESS_DENIED       wants what the pipe        ACCESS_DENIED
    maximum reached            INSTANCE_NOT_        does not give
                               AVAILABLE           no instance listens        PIPE_NOT_AVAILABLE
    may not (descriptor)       ACCESS_DENIED       may not (descriptor)       ACCESS_DENIED

Source: learn.microsoft.com CreateNamedPipe, "Named Pipe Instances", "Named Pipe Security and Access Rights". Rows: R34
"""

from __future__ import annotations

from dataclasses import dataclass

from ...driver_kit import (
    FILE_GENERIC_MAPPING,
    CreateParameters,
    NamedPipeParameters,
    SecurityDescriptor,
    Token,
    assign_security,
    major,
    parse_sddl,
    status,
)
from .conversation import Conversation
from .instance import PipeEnd

#: FILE_CREATE_PIPE_INSTANCE: the right to add an instance to a pipe.
CREATE_INSTANCE = 0x4

#: How data may go, by what the server shares: to the server, to the client, both ways.
INBOUND, OUTBOUND, DUPLEX = 0, 1, 2
_DIRECTIONS = {
    major.FILE_SHARE_WRITE: INBOUND,
    major.FILE_SHARE_READ: OUTBOUND,
    major.FILE_SHARE_READ | major.FILE_SHARE_WRITE: DUPLEX,
}


@dataclass(eq=False, slots=True)
class Pipe:
    """A pipe with its instances; `name` is without the leading backslash, and empty for an anonymous one.

    `key` is the name as names are compared.
    NT: NP_FCB
    """

    name: str
    key: str
    parameters: NamedPipeParameters
    direction: int
    descriptor: SecurityDescriptor
    instances: list[Conversation]

    @property
    def listening(self) -> bool:
        """Whether a client would find an instance."""
        return any(one.machine.listening for one in self.instances)

    @property
    def timeout(self) -> float:
        """How many seconds a client waits for an instance that does not say how long."""
        return -(self.parameters.default_timeout or 0) / 10_000_000


@dataclass(eq=False, slots=True)
class OpenEnd:
    """What a file object of a pipe leads to: the pipe, the instance, and the end that was opened."""

    pipe: Pipe
    conversation: Conversation
    end: PipeEnd


def direction_of(share: int) -> int:
    """Which way data goes in a pipe made with this sharing; raises NtError for none."""
    found = _DIRECTIONS.get(share & ~major.FILE_SHARE_DELETE)
    if found is None:
        raise status.error_for(status.STATUS_INVALID_PARAMETER, "a pipe is shared for reading, writing or both")
    return found


def check_new(wanted: NamedPipeParameters) -> None:
    """Refuse what no pipe can be; raises NtError."""
    if (
        wanted.maximum_instances < 1
        or wanted.default_timeout is None
        or wanted.default_timeout > 0
        or (wanted.read_messages and not wanted.messages)
        or min(wanted.inbound_quota, wanted.outbound_quota) < 0
    ):
        raise status.error_for(status.STATUS_INVALID_PARAMETER, "no pipe can be like that")


def check_further(pipe: Pipe, parameters: CreateParameters, direction: int) -> None:
    """Refuse one more instance of a pipe that is not as the others, or too many; raises NtError."""
    wanted = parameters.pipe
    assert wanted is not None
    if parameters.disposition == major.FILE_CREATE:
        raise status.error_for(status.STATUS_ACCESS_DENIED, "the pipe is there already")
    if len(pipe.instances) >= pipe.parameters.maximum_instances:
        raise status.error_for(status.STATUS_INSTANCE_NOT_AVAILABLE, "the pipe has all the instances it may have")
    if direction != pipe.direction or wanted.messages != pipe.parameters.messages:
        raise status.error_for(status.STATUS_ACCESS_DENIED, "the pipe is of another type or direction")
    if wanted.read_messages and not wanted.messages:
        raise status.error_for(status.STATUS_INVALID_PARAMETER, "a byte pipe has no messages to read")


def check_direction(pipe: Pipe, access: int) -> None:
    """Refuse a client that wants to read or write where the pipe does not go; raises NtError."""
    reads, writes = access & major.FILE_READ_DATA, access & major.FILE_WRITE_DATA
    if (reads and pipe.direction == INBOUND) or (writes and pipe.direction == OUTBOUND):
        raise status.error_for(status.STATUS_ACCESS_DENIED, "the pipe does not go that way")


def new_descriptor(asked: SecurityDescriptor | None, token: Token) -> SecurityDescriptor:
    """The descriptor of a new pipe: the one asked for, or full control for its owner and administrators, and reading
    for everybody.
    """
    if asked is None:
        asked = parse_sddl(f"D:(A;;GA;;;SY)(A;;GA;;;BA)(A;;GA;;;{token.owner or token.user})(A;;GR;;;WD)(A;;GR;;;AN)")
    return assign_security(asked, None, token, FILE_GENERIC_MAPPING)
