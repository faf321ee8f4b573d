"""A driver that takes control codes: a counter that programs can read, set and watch.

Each code says how its bytes travel and what the file must have been opened for; the driver finds them in
`irp.location.control_code`, the bytes in `irp.buffer`, and how many there are in `input_length` and `output_length`.
"""

from ntio import Driver, Stack, open
from ntio.abi import CTL_CODE, FILE_ANY_ACCESS, FILE_WRITE_ACCESS, METHOD_BUFFERED
from ntio.driver_kit import major, status

READ_COUNT = CTL_CODE(major.FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_ANY_ACCESS)
SET_COUNT = CTL_CODE(major.FILE_DEVICE_UNKNOWN, 0x801, METHOD_BUFFERED, FILE_WRITE_ACCESS)
SIZE = 8


class Counter(Driver):
    """A number behind two control codes."""

    def __init__(self):
        self.count = 0

    def add_device(self, lower=None):
        return self.create_device("\\Device\\Counter")

    def dispatch_device_control(self, device, irp):
        location = irp.location
        if location.control_code == READ_COUNT:
            if location.output_length < SIZE:
                return irp.complete(status.STATUS_BUFFER_TOO_SMALL)
            self.count += 1
            irp.buffer[:SIZE] = self.count.to_bytes(SIZE, "little")
            return irp.complete(information=SIZE)
        if location.control_code == SET_COUNT:
            if location.input_length != SIZE:
                return irp.complete(status.STATUS_INVALID_PARAMETER)
            self.count = int.from_bytes(irp.buffer[:SIZE], "little")
            return irp.complete()
        return irp.complete(status.STATUS_INVALID_DEVICE_REQUEST)


with Stack(Counter(), "null_filter") as stack:

    def read_count():
        return int.from_bytes(stack.control(READ_COUNT, output_length=SIZE), "little")

    print("count", read_count(), read_count())
    stack.control(SET_COUNT, (40).to_bytes(SIZE, "little"))
    print("count", read_count())

    with open("\\Device\\Counter", "r", system=stack.system) as reader:
        for code, name in ((READ_COUNT, "read"), (SET_COUNT, "set"), (0x123, "unknown code")):
            try:
                reader.control(code, bytes(SIZE) if code == SET_COUNT else b"", SIZE)
                print(name, "allowed")
            except OSError as error:
                print(name, type(error).__name__)
