"""Simplify: rewrites of naive GIR that only lower bytes.

Takes kernels in graph form; gives fewer of them, with fewer movements: none raises a level's bytes
or the number of launches, so all are applied unasked.
"""
