"""A study's report and ethics report, as Markdown with figures and as PDF. All of it from dataset and frozen plan."""
