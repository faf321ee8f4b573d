"""Services every part of the system shares: lookaside lists.

NT: executive, Ex
"""
