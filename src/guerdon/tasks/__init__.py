"""Prompts or environments with their verifier."""
