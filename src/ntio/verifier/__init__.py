"""Checks every step of every driver against the rules, and stops the System where one is broken.

    with ntio.System(verify=True) as system: ...        stop at the first breach
    verifier = ntio.Verifier(collect=True)              or keep them: `verifier.violations`
    with ntio.System(verify=verifier) as system: ...

When it is on, drivers get checking copies of their tables and packets are of a checking kind; when it is off, nothing
of this exists and nothing is asked. A breach is a bug check with NT's code and parameters, the rule in words, and the
packet drawn with its history: who did what to it, at which line.

NT: Driver Verifier
"""
