"""Machines: what passes ask about the hardware. So far: the host as the system describes it."""
