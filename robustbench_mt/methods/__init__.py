"""Ways of fine-tuning."""
