"""Making a training set imbalanced or its labels wrong, and training along the ratios or shares."""

import robustbench_mt  # noqa: F401 (first, as it turns libraries' telemetry off)
