"""A completion port with its Windows names: threads add up the bytes of a file that is read with many requests at once.

Usage: python iocp_article_win32.py [FILE]          without a file, this interpreter's own executable

The reads are started by one thread and finished by whichever worker takes the packet. Each request has an OVERLAPPED of
a class of our own, which comes back from the port with what it carries.
"""

from __future__ import annotations

import sys
import threading

from ntio.win32 import pywintypes, win32api, win32con, win32event, win32file, winerror

CHUNK = 64 * 1024
IN_FLIGHT = 32
WORKERS = 4
READ_KEY, STOP_KEY = 1, 2


class ReadRequest(pywintypes.OVERLAPPED):
    """One read: an OVERLAPPED, and the buffer it reads into."""

    buffer: bytearray


path = sys.argv[1] if len(sys.argv) > 1 else sys.executable

# --- synchronous: the call waits, and the file has a position ---------------------------------------------------------
file = win32file.CreateFile(
    path, win32con.GENERIC_READ, win32con.FILE_SHARE_READ, None, win32con.OPEN_EXISTING, 0, None
)
hr, head = win32file.ReadFile(file, 16)
print(f"synchronous read: error {hr}, {len(head)} bytes, position {win32file.SetFilePointer(file, 0, 1)}")
file.Close()

# --- overlapped: the call returns, an event tells of the end ----------------------------------------------------------
file = win32file.CreateFile(
    path, win32con.GENERIC_READ, win32con.FILE_SHARE_READ, None, win32con.OPEN_EXISTING,
    win32con.FILE_FLAG_OVERLAPPED, None,
)  # fmt: skip
overlapped = pywintypes.OVERLAPPED()
overlapped.hEvent = win32event.CreateEvent(None, True, False, None)
hr, buffer = win32file.ReadFile(file, 16, overlapped)
print(f"overlapped read: {'pending' if hr == winerror.ERROR_IO_PENDING else 'done at once'}")
win32event.WaitForSingleObject(overlapped.hEvent, win32event.INFINITE)
count = win32file.GetOverlappedResult(file, overlapped, False)
print(f"then {count} bytes, the same: {bytes(buffer[:count]) == head}, status {overlapped.Internal:#x}")

# --- routines: the end is told in this thread, when it is willing -----------------------------------------------------
told: list[tuple[int, int]] = []
win32file.ReadFileEx(file, 16, pywintypes.OVERLAPPED(), lambda error, count, _: told.append((error, count)))
while win32api.SleepEx(win32con.INFINITE, True) != win32con.WAIT_IO_COMPLETION:
    pass
print(f"ReadFileEx: error and bytes {told}")

# --- a port: any thread is told, as many as shall run -----------------------------------------------------------------
port = win32file.CreateIoCompletionPort(win32file.INVALID_HANDLE_VALUE, None, 0, 2)
win32file.CreateIoCompletionPort(file, port, READ_KEY, 0)
size = win32file.GetFileSize(file)
offsets = iter(range(0, size, CHUNK))
lock, finished = threading.Lock(), win32event.CreateEvent(None, True, False, None)
total = outstanding = 0


def start_next(request: ReadRequest) -> None:
    """Start the next read of the file with this request; when there is none, perhaps that was the last."""
    global outstanding
    with lock:
        offset = next(offsets, None)
        outstanding -= offset is None
        if offset is None:
            if not outstanding:
                win32event.SetEvent(finished)
            return
    request.Offset, request.OffsetHigh = offset & 0xFFFFFFFF, offset >> 32
    win32file.ReadFile(file, request.buffer, request)


def work() -> None:
    """Take packets until one says to stop."""
    global total
    while True:
        error, count, key, request = win32file.GetQueuedCompletionStatus(port, win32con.INFINITE)
        if key == STOP_KEY:
            return
        if error:
            win32event.SetEvent(finished)
            raise pywintypes.error(error, "ReadFile", "a read failed")
        part = sum(request.buffer[:count])
        with lock:
            total += part
        start_next(request)


workers = []
outstanding = IN_FLIGHT
try:
    for _ in range(WORKERS):
        worker = threading.Thread(target=work)
        worker.start()
        workers.append(worker)
    for _ in range(IN_FLIGHT):
        request = ReadRequest()
        request.buffer = win32file.AllocateReadBuffer(CHUNK)
        start_next(request)
    win32event.WaitForSingleObject(finished, win32event.INFINITE)
finally:  # after Ctrl-C too
    for _ in range(WORKERS):
        win32file.PostQueuedCompletionStatus(port, 0, STOP_KEY, None)
    for worker in workers:
        worker.join()
print(f"{size} bytes read by {WORKERS} threads, their sum is {total}")

win32file.CloseHandle(file)
win32file.CloseHandle(port)
with open(path, "rb") as plain:
    assert total == sum(plain.read())
