"""Analyses: passes that look at IR and say something about it.

Take: IR of any phase. Give: the same IR, with remarks or attributes that report a finding.
"""
