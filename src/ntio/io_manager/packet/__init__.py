"""The I/O request packet: its fields, where packets come from, and the forms a request takes.

`irp` is the packet, `irp_pool` where packets come from, `batch` the form of n requests in one, `builders` what drivers
make themselves, `nt_fields` the exact names of the structures.
"""
