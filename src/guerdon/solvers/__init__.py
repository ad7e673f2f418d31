"""Exact references: enumerable policies, value iteration."""
