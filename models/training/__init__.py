"""What the training scripts of the shipped trackers share."""
