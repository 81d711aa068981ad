"""What is not made and not shown here, who decides that, how often one may ask, and what is noted of it.

`review` asks the reviewers in turn: `policy` reads words, offline and always; `checker` looks at pictures where its
weights are. `limits` counts, `misuse` logs refusals without saying whose or what. Nothing here guesses gender, age or
origin of anybody.
"""
