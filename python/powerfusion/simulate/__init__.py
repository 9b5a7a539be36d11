"""Devices that aren't there: what a back end emits is run on the CPU, checked, and its accesses counted."""
