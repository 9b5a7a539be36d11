"""Functions of f32 in few arith and fma ops: numbers and their bits, the instructions that help, a module per group.

Takes a scalar or a vector of any length; gives the function of it, within the bound that its docstring states, right
for NaN, infinities, zeros of either sign and subnormal numbers.
"""
