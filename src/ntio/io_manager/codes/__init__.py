"""Numbers of the I/O system by their Windows names: functions, flags, access, options, types.
"""
