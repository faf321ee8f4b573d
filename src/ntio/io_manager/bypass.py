"""The fast way with steps left out: when reads and writes need no packet at all.

If no device in a file's stack wants to see the data, and the bottom one keeps it in a host file, then a read of the
ntio file is a read of the host file, and rings and files do just that. Every driver may *veto*; the veto is kept with
its driver and reason, so that anybody can ask why a file is slow (`File.bypass`). The answer holds until a device is
attached or detached somewhere. The bytes, statuses and counts are the same both ways.

This is the model of FSCTL_MANAGE_BYPASS_IO: one direct path, and a report of who vetoed it and why.

Source: spec iomgr.md 6 (BypassIO). Rows: R21, R29
"""

from __future__ import annotations

from dataclasses import dataclass

from .file_object import FileObject


@dataclass(frozen=True)
class HostTarget:
    """The host file behind a stack: its descriptor, and where writing must stop (None: it may grow; -1: read-only)."""

    descriptor: int
    limit: int | None = None
    stream: bool = False


@dataclass(frozen=True)
class Veto:
    """One driver's refusal, in words."""

    driver: str
    reason: str

    def __str__(self) -> str:
        return f"{self.driver}: {self.reason}"


@dataclass(frozen=True)
class Bypass:
    """Whether reads and writes of a file go straight to a host file, and if not, who wants to see them."""

    target: HostTarget | None
    vetoes: tuple[Veto, ...]

    @property
    def allowed(self) -> bool:
        """Whether the direct path is taken."""
        return self.target is not None


def query_bypass(file_object: FileObject) -> Bypass:
    """The direct path of a file, worked out again whenever a stack has changed.

    NT: FSCTL_MANAGE_BYPASS_IO
    """
    epoch = file_object.device.driver.io.stack_epoch
    if file_object.bypass is None or file_object.bypass_epoch != epoch:
        file_object.bypass = _ask_stack(file_object)
        file_object.bypass_epoch = epoch
    return file_object.bypass


def _ask_stack(file_object: FileObject) -> Bypass:
    vetoes = []
    top = file_object.related_device()
    for device in top.stack():
        reason = device.observer or device.driver.code.bypass_veto(device)
        if reason:
            vetoes.append(Veto(device.driver.name, reason))
    if vetoes:
        return Bypass(None, tuple(vetoes))
    bottom = top.bottom()
    if bottom.gone:
        return Bypass(None, (Veto(bottom.driver.name, "is unloaded"),))
    target = bottom.driver.code.bypass_target(bottom, file_object)
    if target is None:
        return Bypass(None, (Veto(bottom.driver.name, "keeps its data in no host file"),))
    return Bypass(target, ())
