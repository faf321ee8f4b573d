"""Which ends a port hears of: modes that only add up, and another port for a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from ntio import System
from ntio import open as ntio_open
from ntio.io_manager.codes.file_codes import FO_SKIP_COMPLETION_PORT, FO_SKIP_SET_EVENT
from ntio.io_manager.ports.association import replace_association, set_notification_modes
from ntio.io_manager.ports.completion_port import CompletionPort
from ntio.status import STATUS_FILE_CLOSED, STATUS_INVALID_PARAMETER, STATUS_SUCCESS
from ntio.system.file import File

pytestmark = [pytest.mark.row("R35"), pytest.mark.real_files]

BOTH = FO_SKIP_COMPLETION_PORT | FO_SKIP_SET_EVENT


def opened(system: System, folder: Path, *, overlapped: bool = True) -> File:
    path = folder / "file"
    path.write_bytes(b"0123456789")
    return ntio_open(path, overlapped=overlapped, system=system)


def test_modes_add_up_and_nothing_is_taken_back(real_system: System, tmp_path: Path) -> None:
    with opened(real_system, tmp_path) as file:
        known = []
        for modes in (1, 0, 2, 0):
            assert set_notification_modes(file.file_object, modes) == STATUS_SUCCESS
            known.append(file.file_object.flags & BOTH)
        assert known == [FO_SKIP_COMPLETION_PORT] * 2 + [BOTH] * 2
        assert set_notification_modes(file.file_object, 4) == STATUS_INVALID_PARAMETER
    assert set_notification_modes(file.file_object, 1) == STATUS_FILE_CLOSED


def test_a_synchronous_file_has_neither(real_system: System, tmp_path: Path) -> None:
    with opened(real_system, tmp_path, overlapped=False) as file:
        assert set_notification_modes(file.file_object, 1) == STATUS_INVALID_PARAMETER
        assert replace_association(file.file_object, None, 0) == STATUS_INVALID_PARAMETER


def test_a_file_goes_to_another_port_and_to_none(real_system: System, tmp_path: Path) -> None:
    one, two = CompletionPort(real_system.io), CompletionPort(real_system.io)
    with opened(real_system, tmp_path) as file:
        one.associate(file.file_object, 5)
        assert replace_association(file.file_object, two, 6) == STATUS_SUCCESS
        assert (one.devices(), two.devices()) == ([], [(file.file_object, 6)])
        operation = file.start_read(4)
        status, packet = two.remove(20)
        assert packet is not None
        assert (status, packet.key, packet.overlapped, packet.bytes) == (STATUS_SUCCESS, 6, operation, 4)
        assert replace_association(file.file_object, None, 0) == STATUS_SUCCESS
        assert (two.devices(), file.file_object.completion_context) == ([], None)
        assert file.start_read(4).wait() == 4
        assert (one.depth, two.depth) == (0, 0)
    one.close()
    two.close()
