"""Lower: from tile form to what a machine runs.

Takes functions in tile form; gives, for the CPU, functions of vector, scf and memref ops that
upstream's conversions take to LLVM.
"""
