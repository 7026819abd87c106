"""Metrics in pure numpy. Truth comes before prediction; NaN means undefined."""
