"""A study's data as files that others can read: a Psych-DS folder with CSV, JSON lines and Parquet, and its check."""
