"""What programs use: systems, files, stacks, rings.

`system.System` puts the layers below together; `file.File`, `stack.Stack` and `rings` are its faces, `many_files` and
`copying` work on thousands of files, `ports` and `connections` are for servers.

NT: NtCreateFile and what follows
"""
