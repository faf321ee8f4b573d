"""What `strace -c` sees of a ring: one system call for a whole batch, however many reads are in it.

A child process is traced that submits so many batches of ten reads; the child that submits none is subtracted. Where
strace is missing or may not trace, the HAL's own count of crossings stands alone (`tests/system/test_ring.py`).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from uring_probe import why_not

#: What a loop of reads would use, beside the ring's one call.
CALLS = ("io_uring_enter", "pread64", "preadv", "preadv2", "readv")

WINDOWS = """
import sys
from ntio.win32 import *
handle = CreateFile(sys.argv[1], GENERIC_READ, 0, None, OPEN_EXISTING, 0, None)
ring = CreateIoRing(IORING_VERSION_3, IORING_CREATE_FLAGS(), 16, 32)
memory = VirtualAlloc(None, 10 * 512, MEM_COMMIT, PAGE_READWRITE)
for _ in range(int(sys.argv[2])):
    for row in range(10):
        BuildIoRingReadFile(
            ring, IoRingHandleRefFromHandle(handle), IoRingBufferRefFromPointer(memory + 512 * row), 512, 512 * row,
            row, IOSQE_FLAGS_NONE,
        )
    assert SubmitIoRing(ring, 10, 10_000) == 10
    assert [PopIoRingCompletion(ring).Information for _ in range(10)] == [512] * 10
CloseIoRing(ring)
VirtualFree(memory, 0, MEM_RELEASE)
CloseHandle(handle)
"""

PYTHONIC = """
import sys
import ntio
system = ntio.System("uring")
with system, ntio.open(sys.argv[1], system=system) as file, ntio.Ring(16, system=system) as ring:
    for _ in range(int(sys.argv[2])):
        assert ring.read(file, [512 * row for row in range(10)], 512).information.tolist() == [512] * 10
"""


def traced(tmp_path: Path, program: str, batches: int) -> dict[str, int]:
    """How often the child made each call."""
    data, report = tmp_path / "data", tmp_path / "report"
    data.write_bytes(bytes(range(256)) * 20)
    tracer = ["strace", "-f", "-c", "-U", "name,calls", "-e", f"trace={','.join(CALLS)}", "-o", str(report)]
    child = [sys.executable, "-c", program, str(data), str(batches)]
    done = subprocess.run([*tracer, *child], capture_output=True, text=True, timeout=120, check=False)
    if "ptrace" in done.stderr and done.returncode:
        pytest.skip(f"strace may not trace here: {done.stderr.strip().splitlines()[0]}")
    assert not done.returncode, done.stderr
    counts = dict.fromkeys(CALLS, 0)
    for line in report.read_text().splitlines():
        name, _, calls = line.strip().partition(" ")
        if name in counts:
            counts[name] = int(calls)
    return counts


@pytest.mark.slow
@pytest.mark.row("R4")
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("program", [WINDOWS, PYTHONIC], ids=["Windows names", "Pythonic"])
def test_a_batch_of_ten_reads_is_one_system_call(program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if reason := why_not("uring", None):
        pytest.skip(reason)
    monkeypatch.setenv("NTIO_HAL", "uring")
    without, with_three = traced(tmp_path, program, 0), traced(tmp_path, program, 3)
    more = {name: with_three[name] - without[name] for name in CALLS}
    assert more == {**dict.fromkeys(CALLS, 0), "io_uring_enter": 3}
