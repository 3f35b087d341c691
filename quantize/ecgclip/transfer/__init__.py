"""What an encoder is worth: frozen probe, fine-tuning, zero-shot."""
