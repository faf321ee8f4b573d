"""Who may do what: identities, access control lists, security descriptors, tokens, and the check that compares them.

NT: security reference monitor, Se
"""
