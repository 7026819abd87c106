"""Why this label, and a check that the explanation is true of the model."""
