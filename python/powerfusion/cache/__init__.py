"""Compiled programs on disk, so that the same program is compiled once.

    source ── parsed ── key: SHA-256 of its bytecode without locations, and of all that code depends on
                          │
        <user's cache>/powerfusion/programs/KEY.pfc      signature, object code, constants, snapshots
                          │
                     an Executable like the one that compiling gives

- `files` reads, writes, bounds, lists and clears; knows bytes and no programs;
- `key` says what a program's code depends on;
- `entry` is a compiled program as bytes, and back.
"""
