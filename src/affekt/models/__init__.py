"""Recognisers, by mechanism."""
