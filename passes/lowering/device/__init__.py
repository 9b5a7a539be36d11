"""Tile form to EmitC for machines whose files say how programs are written: tasks, copies, intrinsics.

Takes and gives what `powerfusion.passes.lowering.emitc` does; what isn't written otherwise here is written as there.
"""
