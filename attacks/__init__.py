"""Attacking a victim with TextAttack's recipes."""
