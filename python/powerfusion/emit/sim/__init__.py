"""The simulator: a machine's C, compiled by the host against a header that is made from the machine's file."""
