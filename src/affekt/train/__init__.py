"""One training loop; objectives are functions. Needs the `train` extra."""
