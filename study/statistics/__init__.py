"""What a study's answers say, as numbers. Arrays in, plain values out; knows no store, no page and no Gradio.

Each method is checked in tests against worked numbers from the literature (`tests/study/statistics`).
"""
