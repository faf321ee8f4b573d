"""The C tool to compare with: fio, through io_uring, in its best settings, on a file of ours."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from time import perf_counter
from typing import Any

#: Submit and reap 32 at a time into registered buffers of a registered file: what measured best (perf of fio 3.33).
_BEST = [
    "--ioengine=io_uring", "--iodepth_batch_submit=32", "--iodepth_batch_complete_min=32",
    "--iodepth_batch_complete_max=32", "--fixedbufs", "--registerfiles",
]  # fmt: skip


def missing() -> str:
    """Why fio cannot be asked, or an empty string."""
    return "" if shutil.which("fio") else "fio is not installed (Debian: apt-get install fio)"


def random_reads(path: Path, depth: int, seconds: float, *, direct: bool = False, jobs: int = 1) -> float:
    """4 KiB random reads per second, one thread or `jobs`; cached pages stay cached (fio drops them by default)."""
    job = _run(path, "randread", depth, *_for(seconds), direct=direct, jobs=jobs)
    return float(job["read"]["iops"])


def random_writes(path: Path, depth: int, seconds: float) -> float:
    """4 KiB random O_DIRECT writes per second, one thread. What the file held is lost."""
    return float(_run(path, "randwrite", depth, *_for(seconds), direct=True)["write"]["iops"])


def synced_writes(path: Path, depth: int, count: int) -> float:
    """4 KiB random buffered writes per second: `count` distinct blocks and an fsync, which is part of the time.

    The fsync is ours: with these settings fio 3.33 makes none, whatever `end_fsync` says (the pages stay dirty).
    """
    job = _run(path, "randwrite", depth, f"--number_ios={count}")
    with open(path, "rb") as file:
        begun = perf_counter()
        os.fsync(file.fileno())
        seconds = perf_counter() - begun
    return count / (float(job["job_runtime"]) / 1000 + seconds)


def _for(seconds: float) -> tuple[str, ...]:
    """So long, any block again and again."""
    return f"--runtime={seconds}", "--time_based", "--norandommap"


def _run(path: Path, kind: str, depth: int, *options: str, direct: bool = False, jobs: int = 1) -> dict[str, Any]:
    command = [
        "fio", "--name=ntio", f"--filename={path}", f"--rw={kind}", "--bs=4k", "--invalidate=0",
        f"--size={path.stat().st_size}", f"--iodepth={depth}", "--thread", f"--numjobs={jobs}", "--group_reporting",
        f"--direct={int(direct)}", "--output-format=json", *options, *_BEST,
    ]  # fmt: skip
    output = subprocess.run(command, capture_output=True, text=True, check=True, cwd=path.parent).stdout
    # fio may print notes before the document.
    job: dict[str, Any] = json.loads(output[output.index("{") :])["jobs"][0]
    if job["error"]:
        raise RuntimeError(f"fio failed with error {job['error']}")
    return job
