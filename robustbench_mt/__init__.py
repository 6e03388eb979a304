"""How robust is a fine-tuned text classifier, and which way of fine-tuning makes it more so?"""

__version__ = "0.1.0"
