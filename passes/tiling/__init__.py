"""Tile: from graph form to tile form.

Takes functions of tensors with kernels in graph form; gives functions of memrefs with kernels in
tile form: loops over windows, static tiles at `reg`, loads and stores.
"""
