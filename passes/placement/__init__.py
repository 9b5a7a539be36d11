"""Placing: which kernels become one, in which nest, and where every edge waits.

Takes simplified graph form, with or without alternatives, and gives graph form in which kernels that gain by it carry a
nest. The search reads plain records (`model`) that `read` makes of the IR once; `emit` writes the answer back once.
"""
