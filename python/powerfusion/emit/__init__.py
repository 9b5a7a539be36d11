"""Emission: what a lowered module is turned into, to be run without this compiler.

Takes the LLVM dialect, gives object code; devices and C come as files of their own.
"""
