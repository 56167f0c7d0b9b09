"""What training and fine-tuning read, fit and report."""
