"""Attacking a victim with TextAttack's recipes."""

import robustbench_mt  # noqa: F401 (first, as it turns libraries' telemetry off)
