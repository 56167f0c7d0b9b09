"""What a run folder is and holds, and the steps that several commands share."""
