"""Coarse -> finer level."""
