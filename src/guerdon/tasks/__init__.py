"""Prompts or environments with their verifier."""

# Nothing is imported here: reward workers unpickle problems (tasks/problem.py) and must start without torch.
