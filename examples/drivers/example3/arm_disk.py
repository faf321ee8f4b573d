"""A disk with one arm: requests wait in the device queue, StartIo moves the arm, an interrupt ends the work.

    python examples/drivers/example3/arm_disk.py

`dispatch_read` hands each packet to the device queue and returns PENDING. `start_io` is called with one packet at a
time and only starts the machine. When the machine is done it interrupts: the packet is completed and the next started.
With keys the arm sweeps over the disk instead of jumping to and fro. A packet that waits can be cancelled; the driver
has no line about that.
"""

from __future__ import annotations

import queue
import random
import threading

from ntio import Driver, NtError, Ring, Stack
from ntio.status import STATUS_CANCELLED

TRACK = 512


class Arm:
    """The machine: a thread that fetches one track at a time and then calls `interrupt` with its bytes."""

    def __init__(self, tracks: int, interrupt) -> None:
        self.position = self.travel = 0
        self._media = [bytes([track % 256]) * TRACK for track in range(tracks)]
        self._orders: queue.Queue[int | None] = queue.Queue()
        self._powered = threading.Event()
        self._interrupt = interrupt
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def fetch(self, track: int) -> None:
        """Begin to move the arm; returns at once."""
        self._orders.put(track)

    def power_on(self) -> None:
        """Let the arm move."""
        self._powered.set()

    def power_off(self) -> None:
        """Stop the machine."""
        self._powered.set()
        self._orders.put(None)
        self._thread.join()

    def _run(self) -> None:
        self._powered.wait()
        while (track := self._orders.get()) is not None:
            self.travel += abs(track - self.position)
            self.position = track
            self._interrupt(self._media[track])


class ArmDisk(Driver):
    """Reads whole tracks; with `sweep` in the order in which the arm comes by."""

    def __init__(self, tracks: int = 1000, *, sweep: bool = False) -> None:
        self.tracks = tracks
        self.sweep = sweep

    def add_device(self, lower=None):
        self.device = self.create_device()
        self.arm = Arm(self.tracks, self.interrupt)
        return self.device

    def dispatch_read(self, device, irp):
        return device.start_packet(irp, key=irp.location.byte_offset if self.sweep else None)

    def start_io(self, device, irp):
        self.arm.fetch(irp.location.byte_offset // TRACK)

    def interrupt(self, data):
        irp = self.device.current_irp
        position = irp.location.byte_offset
        irp.buffer[:] = data[: len(irp.buffer)]
        irp.complete(information=len(irp.buffer))
        self.device.start_next_packet(key=position if self.sweep else None)

    def unload(self):
        self.arm.power_off()


def travel(*, sweep: bool) -> int:
    """How far the arm goes for a hundred reads that wait for it at the same time."""
    disk = ArmDisk(sweep=sweep)
    tracks = random.Random(1).sample(range(1000), 100)
    with Stack(disk) as stack, Ring(system=stack.system) as ring:
        batch = ring.start_read(stack.file, [track * TRACK for track in tracks], TRACK)
        disk.arm.power_on()
        done = batch.wait().raise_for_status()
        assert done.data[:, 0].tolist() == [track % 256 for track in tracks]
        return disk.arm.travel


def cancelled() -> int:
    """How many of a hundred waiting reads end when they are cancelled: all but the one the arm is moving for."""
    disk = ArmDisk()
    with Stack(disk) as stack, Ring(system=stack.system) as ring:
        batch = ring.start_read(stack.file, [track * TRACK for track in range(100)], TRACK)
        batch.cancel()
        disk.arm.power_on()
        return int((batch.wait().status == STATUS_CANCELLED).sum())


if __name__ == "__main__":
    jumping, sweeping = travel(sweep=False), travel(sweep=True)
    print(f"in the order they came: {jumping} tracks; sweeping: {sweeping} tracks")
    assert sweeping < 3000 < jumping
    print(f"cancelled while they waited: {cancelled()} of 100")
    with Stack(ArmDisk()) as stack:
        stack.drivers[0].arm.power_on()
        try:
            stack.write(b"x", offset=0)
        except NtError as error:
            print(f"and a write: {error}")
