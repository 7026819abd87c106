"""Training what reads faces."""
