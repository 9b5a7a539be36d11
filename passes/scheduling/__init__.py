"""Schedule: takes tile form and gives tile form in which it is settled when data moves and where buffers lie.

Offsets of buffers at `sram`, memory between kernels, asynchronous copies, barriers, kernels as functions, vectors.
"""
