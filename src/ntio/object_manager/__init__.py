"""Names and objects: directories, symbolic links, and what a path leads to.

NT: object manager, Ob
"""
