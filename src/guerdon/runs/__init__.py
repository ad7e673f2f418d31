"""The run folder, resume, report."""
