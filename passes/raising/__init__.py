"""Raise: from linalg on tensors to naive GIR, and back.

Takes functions of linalg, tensor and arith ops; gives one `gir.kernel` per operator, in graph
form, each loading its operands from `dram` and storing its results there.
"""
