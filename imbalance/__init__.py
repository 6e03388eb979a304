"""Making a training set imbalanced or its labels wrong, and training along the ratios or shares."""
