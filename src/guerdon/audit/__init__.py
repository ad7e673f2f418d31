"""Attacks on a reward: what to run before it is trusted."""
