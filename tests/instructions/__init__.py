"""Instruction counts of the broker under callgrind."""
