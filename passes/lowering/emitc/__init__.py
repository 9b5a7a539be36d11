"""Tile form to EmitC: how each op is written in C.

Takes the ops of a function in tile form; gives ops of MLIR's emitc dialect, which upstream's translation prints.
"""
