"""What learns labels from metadata: encodings, bins, and two learners."""
