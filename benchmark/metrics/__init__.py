"""What a score is and how sure it is: arrays in, numbers out."""
