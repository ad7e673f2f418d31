"""Reward -> reward: combination, gates, potentials, length, constraints, normalisation."""
