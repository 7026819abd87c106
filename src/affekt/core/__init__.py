"""What everything speaks: clips, label spaces, ratings, predictions, runs. Needs numpy alone."""
