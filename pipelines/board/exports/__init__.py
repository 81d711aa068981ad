"""Boards as files to hand on: a PNG sheet, a PDF, slides, a web page in a ZIP."""
