"""What programs use: systems, files, stacks, rings.

`system.System` puts the layers below together; `file.File`, `stack.Stack` and `ring.Ring` are its faces, and
`read_files` reads many small files at once.

NT: NtCreateFile and what follows
"""
