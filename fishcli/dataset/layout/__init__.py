"""What lies in a competition's folder: its photos, and the samples of what it wants back."""
