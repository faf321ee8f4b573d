"""Completion ports below the faces: the port, its packets, the files tied to it, requests that go on by themselves.
"""
