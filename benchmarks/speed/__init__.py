"""Timing frameworks side by side, in one run, on the same inputs.

    session (this process) ── a line of JSON ──► worker of each peer, a process of its own interpreter
                           ◄── a line of JSON ──

One worker works at a time, each in turn, so that no two disturb one another and all see the same machine.
"""
