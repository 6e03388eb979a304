"""Making a data set imbalanced, and training along the ratios."""
