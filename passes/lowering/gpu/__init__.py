"""Lowerings of single ops to the gpu dialect, and what they share.

A tile is dealt out to the lanes of its unit; every lane holds a fragment of it, vectors of neighbours
(`fragments`). Importing a module fills the table for target `gpu`.
"""
