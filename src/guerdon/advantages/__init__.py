"""Reward -> advantage."""
