"""Evaluation: responses from a policy or a file, what is measured on them, intervals and differences."""
