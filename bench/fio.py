"""The C tool to compare with: fio, through io_uring, in its best settings, on a file of ours."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

#: Submit and reap 32 at a time into registered buffers of a registered file: what measured best (perf of fio 3.33).
_BEST = [
    "--ioengine=io_uring", "--iodepth_batch_submit=32", "--iodepth_batch_complete_min=32",
    "--iodepth_batch_complete_max=32", "--fixedbufs", "--registerfiles",
]  # fmt: skip


def missing() -> str:
    """Why fio cannot be asked, or an empty string."""
    return "" if shutil.which("fio") else "fio is not installed (Debian: apt-get install fio)"


def random_reads(path: Path, depth: int, seconds: float, *, direct: bool = False) -> float:
    """4 KiB random reads per second, one thread; the file's cached pages stay cached (fio drops them by default)."""
    command = [
        "fio", "--name=ntio", f"--filename={path}", "--rw=randread", "--bs=4k", "--norandommap", "--invalidate=0",
        f"--size={path.stat().st_size}", f"--iodepth={depth}", f"--runtime={seconds}", "--time_based", "--thread",
        f"--direct={int(direct)}", "--output-format=json", *_BEST,
    ]  # fmt: skip
    output = subprocess.run(command, capture_output=True, text=True, check=True, cwd=path.parent).stdout
    # fio may print notes before the document.
    job = json.loads(output[output.index("{") :])["jobs"][0]
    if job["error"]:
        raise RuntimeError(f"fio failed with error {job['error']}")
    return float(job["read"]["iops"])
