"""Fine-tuning: a backbone's own layers above a cut, trained from where a frozen head stands."""
