"""NTSTATUS numbers, their translations, and the exceptions made from them."""

from __future__ import annotations

import copy
import errno
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from ntio import status as s

# What running systems answer for these (completion port specification, section 1, with its correction for 0x80).
WIN32_ANSWERS = {
    0x00000000: 0, 0x00000080: 735, 0x000000C0: 737, 0x00000102: 1460, 0x00000103: 997, 0x80000005: 234, 0x80000006: 18,
    0xC0000001: 31, 0xC0000002: 1, 0xC0000005: 998, 0xC0000008: 6, 0xC000000D: 87, 0xC0000010: 1, 0xC0000011: 38,
    0xC0000017: 8, 0xC0000022: 5, 0xC0000023: 122, 0xC0000024: 6, 0xC0000033: 123, 0xC0000034: 2, 0xC0000035: 183,
    0xC000003A: 3, 0xC0000043: 32, 0xC0000044: 1816, 0xC0000054: 33, 0xC0000055: 33, 0xC0000056: 5, 0xC000007F: 112,
    0xC000009A: 1450, 0xC00000AC: 231, 0xC00000AD: 230, 0xC00000AE: 231, 0xC00000AF: 1, 0xC00000B0: 233,
    0xC00000B1: 232, 0xC00000B2: 535, 0xC00000B3: 536, 0xC00000B5: 121, 0xC00000BA: 5, 0xC00000BB: 50, 0xC00000E8: 1784,
    0xC0000101: 145, 0xC0000103: 267, 0xC0000120: 995, 0xC0000121: 5, 0xC000014B: 109, 0xC0000185: 1117, 0xC000020C: 64,
    0xC000020D: 64, 0xC0000225: 1168, 0xC0000236: 1225, 0xC000023A: 1229, 0xC0000241: 1236,
}  # fmt: skip

HRESULT_ANSWERS = {
    s.STATUS_SUCCESS: 0,
    s.STATUS_END_OF_FILE: 0x80070026,
    s.STATUS_NOT_FOUND: 0x80070490,
    s.STATUS_CANCELLED: 0x800703E3,
    s.STATUS_ACCESS_VIOLATION: 0x800703E6,
    s.STATUS_ACCESS_DENIED: 0x80070005,
    s.STATUS_INVALID_HANDLE: 0x80070006,
    s.STATUS_INVALID_PARAMETER: 0x80070057,
    s.STATUS_DISK_FULL: 0x80070070,
    s.STATUS_PIPE_BROKEN: 0x8007006D,
    s.STATUS_PIPE_CLOSING: 0x800700E8,
    s.STATUS_PIPE_LISTENING: 0x80070218,
    s.STATUS_IO_DEVICE_ERROR: 0x8007045D,
    s.STATUS_TIMEOUT: 0x800705B4,
    s.STATUS_IORING_SUBMISSION_QUEUE_FULL: 0x80460002,
    s.STATUS_IORING_COMPLETION_QUEUE_TOO_FULL: 0x80460008,
}

ALL_STATUSES = sorted(s.STATUS_NAMES)
NT_ERROR_CLASSES = [c for c in vars(s).values() if isinstance(c, type) and issubclass(c, s.NtError)]
statuses = st.one_of(st.sampled_from(ALL_STATUSES), st.integers(0, 0xFFFFFFFF))


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_every_number_has_one_name_and_lies_in_its_severity() -> None:
    constants = {
        name: value for name, value in vars(s).items() if name.startswith("STATUS_") and isinstance(value, int)
    }
    assert {value: name for name, value in constants.items()} == dict(s.STATUS_NAMES)
    assert len(constants) == len(s.STATUS_NAMES)
    assert all(value >> 30 in (0, 1, 2, 3) and not value & 0x20000000 for value in constants.values())


def test_names_are_shown_and_unknown_numbers_stay_hexadecimal() -> None:
    assert s.status_name(s.STATUS_OBJECT_NAME_NOT_FOUND) == "STATUS_OBJECT_NAME_NOT_FOUND"
    assert s.status_name(0xC0FFEE00) == "0xC0FFEE00"
    assert s.status_name(-1073741807) == "STATUS_END_OF_FILE"  # the signed form C programs print


def test_names_are_read_only() -> None:
    with pytest.raises(TypeError):
        s.STATUS_NAMES[0] = "nothing"  # type: ignore[index]


@given(statuses)
def test_a_status_is_a_success_a_warning_or_an_error(status: int) -> None:
    assert [s.nt_success(status), s.nt_warning(status), s.nt_error(status)].count(True) == 1


@given(st.lists(statuses))
def test_predicates_of_a_column_are_those_of_its_entries(column: list[int]) -> None:
    array = np.array(column, np.uint32)
    for predicate in (s.nt_success, s.nt_warning, s.nt_error):
        assert predicate(array).tolist() == [predicate(entry) for entry in column]


def test_a_warning_is_neither_success_nor_error() -> None:
    assert s.nt_success(s.STATUS_PENDING)
    assert s.nt_success(s.STATUS_OBJECT_NAME_EXISTS)
    assert s.nt_warning(s.STATUS_BUFFER_OVERFLOW)
    assert s.nt_error(s.STATUS_UNSUCCESSFUL)


# --- errno ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (0, s.STATUS_SUCCESS),
        (errno.EBADF, s.STATUS_INVALID_HANDLE),
        (errno.EFAULT, s.STATUS_ACCESS_VIOLATION),
        (errno.EINVAL, s.STATUS_INVALID_PARAMETER),
        (errno.ENOSPC, s.STATUS_DISK_FULL),
        (errno.EPIPE, s.STATUS_PIPE_BROKEN),
        (errno.EIO, s.STATUS_IO_DEVICE_ERROR),
        (errno.ECANCELED, s.STATUS_CANCELLED),
        (errno.ENOENT, s.STATUS_OBJECT_NAME_NOT_FOUND),
        (errno.ENOTDIR, s.STATUS_OBJECT_PATH_NOT_FOUND),
        (errno.EACCES, s.STATUS_ACCESS_DENIED),
        (errno.EPERM, s.STATUS_ACCESS_DENIED),
        (errno.EISDIR, s.STATUS_FILE_IS_A_DIRECTORY),
        (errno.EMFILE, s.STATUS_TOO_MANY_OPENED_FILES),
        (errno.ENFILE, s.STATUS_TOO_MANY_OPENED_FILES),
        (errno.ENOMEM, s.STATUS_NO_MEMORY),
        (errno.EROFS, s.STATUS_MEDIA_WRITE_PROTECTED),
        (errno.EFBIG, s.STATUS_FILE_TOO_LARGE),
        (errno.ESPIPE, s.STATUS_INVALID_DEVICE_REQUEST),
        (errno.ETIMEDOUT, s.STATUS_IO_TIMEOUT),
        (255, s.STATUS_UNSUCCESSFUL),
        (256, s.STATUS_UNSUCCESSFUL),
        (-1, s.STATUS_UNSUCCESSFUL),
    ],
)
def test_errno_becomes_the_documented_status(number: int, status: int) -> None:
    assert s.status_from_errno(number) == status


def test_no_errno_ever_looks_like_success() -> None:
    assert s.ERRNO_STATUS[0] == s.STATUS_SUCCESS
    assert s.nt_error(s.ERRNO_STATUS[1:]).sum() + s.nt_warning(s.ERRNO_STATUS[1:]).sum() == 255


def test_the_errno_table_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        s.ERRNO_STATUS[1] = 0


@pytest.mark.parametrize(
    ("status", "number"),
    [
        (s.STATUS_SUCCESS, 0),
        (s.STATUS_PENDING, 0),
        (s.STATUS_OBJECT_PATH_NOT_FOUND, errno.ENOENT),
        (s.STATUS_ACCESS_DENIED, errno.EACCES),
        (s.STATUS_SHARING_VIOLATION, errno.EBUSY),
        (s.STATUS_FILE_CLOSED, errno.EBADF),
        (s.STATUS_IO_TIMEOUT, errno.ETIMEDOUT),
        (s.STATUS_DRIVER_INTERNAL_ERROR, errno.EIO),
        (0xC0FFEE00, errno.EIO),
    ],
)
def test_status_becomes_the_errno_an_oserror_shows(status: int, number: int) -> None:
    assert s.errno_from_status(status) == number


@given(st.integers(0, 300))
def test_translating_to_errno_and_back_keeps_the_kind_of_failure(number: int) -> None:
    once = s.status_from_errno(number)
    twice = s.status_from_errno(s.errno_from_status(once))
    merged = {
        s.STATUS_UNSUCCESSFUL: s.STATUS_IO_DEVICE_ERROR,
        s.STATUS_OBJECT_PATH_NOT_FOUND: s.STATUS_OBJECT_NAME_NOT_FOUND,
        s.STATUS_SHARING_VIOLATION: s.STATUS_DEVICE_BUSY,
        s.STATUS_FILE_LOCK_CONFLICT: s.STATUS_RETRY,
        s.STATUS_INSUFFICIENT_RESOURCES: s.STATUS_NO_MEMORY,
    }
    assert twice == merged.get(once, once)


@given(
    hnp.arrays(
        st.sampled_from([np.int32, np.int64]), hnp.array_shapes(max_dims=2, min_side=0), elements=st.integers(-300, 99)
    )
)
def test_a_column_of_results_translates_like_its_entries(results: NDArray[np.int64]) -> None:
    answer = s.statuses_from_results(results)
    assert answer.dtype == np.uint32
    assert answer.shape == results.shape
    assert answer.ravel().tolist() == [s.status_from_errno(max(0, -r)) for r in results.ravel().tolist()]


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_extreme_results_are_failures_or_successes_by_sign(dtype: type[np.int32 | np.int64]) -> None:
    limits = np.iinfo(dtype)
    answer = s.statuses_from_results(np.array([limits.min, -1, 0, limits.max], dtype))
    assert answer.tolist() == [s.STATUS_UNSUCCESSFUL, s.STATUS_ACCESS_DENIED, 0, 0]


def test_a_column_of_successes_is_fresh_and_writable() -> None:
    results = np.array([1, 2, 3], np.int32)
    answer = s.statuses_from_results(results)
    answer[0] = s.STATUS_CANCELLED
    assert results.tolist() == [1, 2, 3]
    assert s.statuses_from_results(results).tolist() == [0, 0, 0]


# --- Win32 and HRESULT ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "error"), WIN32_ANSWERS.items())
def test_win32_error_is_the_one_running_systems_answer(status: int, error: int) -> None:
    assert s.win32_from_status(status) == error


def test_win32_error_of_an_unknown_status_is_the_documented_one() -> None:
    assert s.win32_from_status(0xC0FFEE00) == s.WIN32_NO_TWIN == 317


def test_win32_error_inside_a_status_comes_back() -> None:
    assert s.win32_from_status(0xC0070000 | 509) == 509
    assert s.win32_from_status(0xD0000011) == 38


@pytest.mark.parametrize(("status", "hresult"), HRESULT_ANSWERS.items())
def test_hresult_is_the_one_win32_programs_see(status: int, hresult: int) -> None:
    assert s.hresult_from_status(status) == hresult


def test_hresult_of_a_success_without_a_twin_is_ok() -> None:
    assert s.hresult_from_status(0x00000001) == 0


@given(statuses)
def test_hresult_fails_whenever_the_status_does(status: int) -> None:
    if not s.nt_success(status) and s.win32_from_status(status):
        assert s.hresult_from_status(status) >= 0x80000000


def test_nt_form_keeps_the_status_readable() -> None:
    assert s.hresult_from_nt(s.STATUS_END_OF_FILE) == 0xD0000011


# --- exceptions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "ours", "builtin"),
    [
        (s.STATUS_OBJECT_NAME_NOT_FOUND, s.ObjectNameNotFound, FileNotFoundError),
        (s.STATUS_OBJECT_PATH_NOT_FOUND, s.ObjectPathNotFound, FileNotFoundError),
        (s.STATUS_OBJECT_NAME_COLLISION, s.ObjectNameCollision, FileExistsError),
        (s.STATUS_ACCESS_DENIED, s.AccessDenied, PermissionError),
        (s.STATUS_FILE_IS_A_DIRECTORY, s.FileIsADirectory, IsADirectoryError),
        (s.STATUS_NOT_A_DIRECTORY, s.NotADirectory, NotADirectoryError),
        (s.STATUS_INVALID_PARAMETER, s.InvalidParameter, ValueError),
        (s.STATUS_OBJECT_NAME_INVALID, s.InvalidParameter, ValueError),
        (s.STATUS_INVALID_HANDLE, s.InvalidHandle, ValueError),
        (s.STATUS_FILE_CLOSED, s.FileClosed, s.InvalidHandle),
        (s.STATUS_RESOURCE_IN_USE, s.BufferInUse, BufferError),
        (s.STATUS_END_OF_FILE, s.EndOfFile, EOFError),
        (s.STATUS_IO_TIMEOUT, s.IoTimeout, TimeoutError),
        (s.STATUS_TIMEOUT, s.IoTimeout, TimeoutError),
        (s.STATUS_PIPE_BROKEN, s.BrokenPipe, BrokenPipeError),
        (s.STATUS_CONNECTION_RESET, s.ConnectionReset, ConnectionResetError),
        (s.STATUS_CONNECTION_ABORTED, s.ConnectionAborted, ConnectionAbortedError),
        (s.STATUS_CONNECTION_REFUSED, s.ConnectionRefused, ConnectionRefusedError),
        (s.STATUS_CANCELLED, s.RequestCancelled, s.NtError),
        (s.STATUS_IORING_SUBMISSION_QUEUE_FULL, s.QueueFull, s.NtError),
        (s.STATUS_DISK_FULL, s.DiskFull, s.NtError),
        (s.STATUS_INVALID_DEVICE_REQUEST, s.InvalidDeviceRequest, s.NtError),
        (s.STATUS_NOT_SUPPORTED, s.NtError, OSError),
        (0xC0FFEE00, s.NtError, OSError),
    ],
)
def test_a_status_is_raised_as_its_class_and_as_the_builtin(
    status: int, ours: type[s.NtError], builtin: type[Exception]
) -> None:
    error = s.error_for(status, "it failed", "/x")
    assert type(error) is ours
    assert isinstance(error, builtin)
    assert error.status == status
    assert error.errno == s.errno_from_status(status)
    assert error.strerror == "it failed"
    assert error.filename == "/x"


@pytest.mark.parametrize("cls", NT_ERROR_CLASSES)
def test_every_class_agrees_with_the_errno_of_its_builtin(cls: type[s.NtError]) -> None:
    error = cls()
    natural = type(OSError(error.errno, ""))
    assert natural is OSError or isinstance(error, natural)
    assert error.status == cls.default_status


@pytest.mark.parametrize("cls", NT_ERROR_CLASSES)
def test_every_class_stands_in_the_drawing(cls: type[s.NtError]) -> None:
    assert f" {cls.__name__} " in str(s.__doc__)
    assert cls.__doc__


@pytest.mark.parametrize("cls", NT_ERROR_CLASSES)
@pytest.mark.parametrize("filename", [None, "/x", b"/y", 3])
def test_copies_and_pickles_say_the_same(cls: type[s.NtError], filename: object) -> None:
    error = cls("it failed", 0xC0FFEE00, filename)
    error.add_note("while reading")
    for again in (copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert type(again) is cls
        assert (str(again), again.status, again.errno) == (str(error), error.status, error.errno)
        assert (again.strerror, again.filename, again.__notes__) == ("it failed", filename, ["while reading"])


def test_text_names_the_status_the_message_and_the_file() -> None:
    error = s.ObjectNameNotFound("no such file", filename="/x")
    assert str(error) == "[STATUS_OBJECT_NAME_NOT_FOUND 0xC0000034] no such file: '/x'"
    assert str(s.DiskFull()) == "[STATUS_DISK_FULL 0xC000007F] disk full"
    assert str(s.NtError(status=0xC0FFEE00)) == "[0xC0FFEE00] request failed"


def test_numpy_and_signed_statuses_become_plain_unsigned_ints() -> None:
    assert type(s.NtError(status=np.uint32(0xC000007F)).status) is int  # type: ignore[arg-type]
    assert type(s.error_for(np.uint32(0xC000007F))) is s.DiskFull  # type: ignore[arg-type]
    assert s.NtError(status=-1073741807).status == s.STATUS_END_OF_FILE


@given(statuses)
def test_only_failures_are_raised(status: int) -> None:
    if s.nt_success(status):
        s.raise_for_status(status)
    else:
        with pytest.raises(s.NtError) as caught:
            s.raise_for_status(status, filename="/x")
        assert caught.value.status == status


def test_a_ring_after_fork_and_a_closed_ring_are_invalid_handles() -> None:
    for cls in (s.RingClosed, s.RingLostInFork):
        assert cls().status == s.STATUS_INVALID_HANDLE
        assert issubclass(cls, s.InvalidHandle)
    assert issubclass(s.PlatformNotSupported, NotImplementedError)
