"""Batch -> named reward columns at a level."""
