"""The only code that touches the host: rings, threads, files, clocks and chance.

`machine.Hal` is the machine as a System sees it; `choose.make_hal` picks the backend and says why; `operations` is the
batch every backend is handed and `operation_queue` what they share.

NT: hardware abstraction layer, Hal
"""
