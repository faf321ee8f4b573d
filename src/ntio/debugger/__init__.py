"""What is alive, for a person to look at: the namespace, the device stacks, and one request's way through them.

`objects` draws the names of a System, `device_tree` its stacks, `trace` follows requests through every driver and back.
Each gives data (frozen records) and text.

NT: what a kernel debugger shows, !object, !devstack and !irp
"""
