"""Schedule: takes tile form and gives tile form in which it is settled when data moves and where buffers lie.

Asynchronous copies, barriers, lanes, offsets of buffers at `sram`, kernels as functions, memory between kernels.
"""
