"""What a study found: its dataset and its frozen analysis plan in, results as plain values out."""
